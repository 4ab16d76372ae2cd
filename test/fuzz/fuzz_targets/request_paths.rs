//! Any method, path and query name a resource or none, and the names are those of the path's segments.
#![no_main]

use apiserver::request::RequestInfo;
use http::Method;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (u8, &str, &str)| {
    let (method, path, query) = data;
    let methods = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
    let method = &methods[usize::from(method) % methods.len()];
    let info = RequestInfo::parse(method, path, query);
    assert_eq!(info, RequestInfo::parse(method, path, query));
    // What is authorized is what is dispatched.
    assert_eq!(info.parts.first().map_or("", String::as_str), info.resource);
    assert_eq!(info.parts.get(2).map_or("", String::as_str), info.subresource);
});
