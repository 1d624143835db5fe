//! The Web Connector: the SOAP client that polls a service.

pub(crate) mod http;
pub(crate) mod qwc;
pub(crate) mod session;
pub(crate) mod soap;
