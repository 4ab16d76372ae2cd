//! Any method, path and query name a resource or none, the same whether they are decoded once or looked at again.
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
    if info.is_resource_request {
        assert!(!info.resource.is_empty() && !info.api_version.is_empty());
    }
});
