//! Allowed origins and hosts: keeps scripts of other sites away from a server that the user's browser
//! can reach.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Method, header};

use crate::config::AccessSettings;

/// Allowed origins and hosts.
pub struct Sites {
    /// Origins, exactly as browsers write them.
    origins: Vec<String>,
    /// Names of this server; `None` if tokens protect it, so that any name is accepted.
    hosts: Option<Vec<String>>,
}

/// Origin of a request that may be answered.
pub enum Site {
    /// No page, or a page of this server.
    Own,
    /// A page of an allowed origin.
    Allowed(HeaderValue),
}

impl Sites {
    /// Returns the sites of the settings. `host` is the address that the server listens on.
    pub fn new(settings: &AccessSettings, host: &str) -> Self {
        let has_auth = settings.jwt_secret.is_some() || settings.jwks.is_some();
        let own = [host.to_owned()].into_iter();
        let hosts = own.chain(settings.allow_host.iter().cloned());
        // An empty variable is an empty text, which no header may match.
        let hosts = hosts.filter(|host| !host.is_empty());
        let origins = settings.allow_origin.iter().cloned();
        Self {
            origins: origins.filter(|origin| !origin.is_empty()).collect(),
            hosts: (!has_auth).then(|| hosts.map(|host| host.to_ascii_lowercase()).collect()),
        }
    }

    /// Returns the origin of a request, or a message for a developer if it is refused.
    pub fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        is_page: bool,
    ) -> Result<Site, String> {
        let host = text(headers, &header::HOST).unwrap_or_default();
        if !self.is_own(host) {
            return Err(format!(
                "This server is not known as {:?}. Allow it with --allow-host.",
                without_port(host)
            ));
        }
        match headers.get(header::ORIGIN) {
            Some(origin) => {
                let allowed = |origin: &str| self.origins.iter().any(|allowed| allowed == origin);
                match origin.to_str() {
                    Ok(origin_text) if allowed(origin_text) => Ok(Site::Allowed(origin.clone())),
                    Ok(origin_text) if authority(origin_text) == Some(host) => Ok(Site::Own),
                    _ => Err(
                        "Pages of this origin may not ask. Allow it with --allow-origin."
                            .to_owned(),
                    ),
                }
            }
            // Following a link to a page that runs nothing is no attack.
            None if is_page && method == Method::GET => Ok(Site::Own),
            None => match headers.get("sec-fetch-site") {
                Some(site) if site == "cross-site" => {
                    Err("Pages of other sites may not ask.".to_owned())
                }
                _ => Ok(Site::Own),
            },
        }
    }

    /// Returns true if `Host` names this server. A name in the DNS of another site may lead here too, so
    /// names have to be listed; addresses need not.
    fn is_own(&self, host: &str) -> bool {
        let Some(hosts) = &self.hosts else {
            return true;
        };
        let name = without_port(host).to_ascii_lowercase();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost"
            || name.ends_with(".localhost")
            || address.parse::<IpAddr>().is_ok()
            || hosts.contains(&name)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The scheme does not matter: a proxy may have taken TLS off.
fn authority(origin: &str) -> Option<&str> {
    origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}
