//! Configuration, transport, informers, work queues, leader election and events for API clients.
