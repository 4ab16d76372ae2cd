//! Machinery of the API without IO: selectors, Status, patches, server-side apply, codecs.
