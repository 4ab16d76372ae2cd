//! What every component shares: flags, feature gates, logging, metrics, health, version, serving, shutdown.
