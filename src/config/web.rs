//! The web configuration: TLS, users, headers and a rate, in the format of Prometheus'
//! exporter-toolkit, to what it means.

mod keys;

use std::{
    cell::RefCell,
    fs,
    path::{Path, PathBuf},
};

use hyper::header::{HeaderName, HeaderValue};

pub use self::keys::WEB_KEYS;
use super::{
    problem::{Origin, Problem, Problems},
    section::{Report, Section},
};
use crate::{
    secret::Secret,
    web::{self, ClientAuth, Rate, Reading, Settings, Source, Tls, Users, Version},
};

/// A file of PEM blocks; a chain with its authorities takes some ten thousand bytes.
const PEM_BYTES_MAX: u64 = 1 << 20;

/// A web configuration in a file, which is read again when it changes.
#[derive(Clone, Debug)]
pub struct WebFile(PathBuf);

impl WebFile {
    /// The file at a path.
    #[must_use]
    pub const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads it with all files that it names.
    ///
    /// # Errors
    /// With every mistake. No message repeats a secret.
    pub fn load(&self) -> Result<Settings, Problems> {
        load(&self.0).0.map(Option::unwrap_or_default)
    }
}

impl Source for WebFile {
    fn read(&self) -> Reading {
        let (outcome, files) = load(&self.0);
        let is_blank = matches!(outcome, Ok(None));
        let outcome = outcome.map(Option::unwrap_or_default);
        Reading { outcome: outcome.map_err(|problems| problems.to_string()), files, is_blank }
    }
}

/// What a file means, none where there is nothing in it, and every file that was read for it.
fn load(path: &Path) -> (Result<Option<Settings>, Problems>, Vec<PathBuf>) {
    let origin = Origin::File(path.to_owned());
    let report = Report::of(origin.clone(), WEB_KEYS);
    let bytes = match super::read(path) {
        Ok(bytes) => bytes,
        Err(error) => {
            let message = format!("cannot be read: {error}");
            let problem =
                Problem { origin, line: None, column: None, path: String::new(), message };
            return (Err(Problems::new(vec![problem])), vec![path.to_owned()]);
        }
    };
    let (tree, faults) = super::tree(&bytes);
    let faulty = !faults.is_empty();
    faults.into_iter().for_each(|fault| report.fault(fault));
    let reader = Reader {
        directory: path.parent().unwrap_or(Path::new("")),
        files: RefCell::new(vec![path.to_owned()]),
    };
    // An empty file switches everything off, as in the toolkit.
    let settings = match tree {
        Some(tree) => Some(reader.settings(&Section::root(&report, &tree))),
        None if faulty => return (Err(report.into_problems()), reader.files.into_inner()),
        None => None,
    };
    (report.finish().map(|_| settings), reader.files.into_inner())
}

struct Reader<'a> {
    directory: &'a Path,
    files: RefCell<Vec<PathBuf>>,
}

impl Reader<'_> {
    fn settings(&self, root: &Section<'_>) -> Settings {
        let http = root.section("http_server_config");
        let http2 = http.flag("http2");
        Settings {
            tls: self.tls(&root.section("tls_server_config"), http2),
            headers: headers(&http.section("headers")),
            users: users(&root.section("basic_auth_users")),
            rate: rate(&root.section("rate_limit")),
        }
    }

    fn tls(
        &self,
        section: &Section<'_>,
        http2: bool,
    ) -> Option<std::sync::Arc<rustls::ServerConfig>> {
        let [lowest, highest] = ["min_version", "max_version"].map(|key| version(section, key));
        if lowest > highest {
            section.problem("min_version", "is above max_version");
        }
        let certificates = self.pem(section, "cert", web::certificates);
        let key = self.pem(section, "key", web::private_key);
        let authorities = self.pem(section, "client_ca", web::certificates);
        let policy = ClientAuth::named(section.choice("client_auth_type"));
        let names = section.texts("client_allowed_sans");
        let suites: Vec<_> = section
            .items("cipher_suites")
            .iter()
            .filter_map(|item| item.read(&keys::NAME, |_, name| web::suite(name)))
            .collect();
        let curves: Vec<_> = section
            .items("curve_preferences")
            .iter()
            .filter_map(|item| item.read(&keys::NAME, |_, name| web::curve(name)))
            .collect();
        let prefer_own_order = section.flag("prefer_server_cipher_suites");
        let has = |key: &str| section.has(key) || section.has(&format!("{key}_file"));
        // Only what can mean nothing without a certificate asks for one.
        if !["cert", "key", "client_ca", "client_auth_type"].into_iter().any(has) {
            return None;
        }
        for (key, what) in [("cert", "a certificate"), ("key", "the certificate's key")] {
            if !has(key) {
                section.missing(key, format!("or {key}_file is required: {what} in PEM"));
            }
        }
        check_policy(section, policy, has("client_ca"), !names.is_empty());
        let tls = Tls {
            certificates: certificates?,
            key: key?,
            client_auth: policy,
            client_authorities: authorities.unwrap_or_default(),
            client_names: names,
            versions: [lowest, highest],
            suites,
            curves,
            prefer_own_order,
            http2,
        };
        if section.is_faulty() {
            return None;
        }
        let built = tls.build();
        built.map_err(|message| section.problem("cert", message)).ok()
    }

    /// What a PEM text says, inline under `key` or in the file that `key_file` names.
    fn pem<T>(
        &self,
        section: &Section<'_>,
        key: &str,
        parse: impl Fn(&[u8]) -> Result<T, String>,
    ) -> Option<T> {
        let file_key = format!("{key}_file");
        let inline = section.text(key).map(|text| (key, Ok(text.into_bytes())));
        let in_file = section.path(&file_key).map(|path| (file_key.as_str(), self.file(&path)));
        if inline.is_some() && in_file.is_some() {
            section.problem(key, format!("is given beside {file_key}; keep one"));
            return None;
        }
        let (key, bytes) = inline.or(in_file)?;
        let parsed = bytes.and_then(|bytes| parse(&bytes));
        parsed.map_err(|message| section.problem(key, message)).ok()
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        let path = self.directory.join(path);
        self.files.borrow_mut().push(path.clone());
        let shown = path.display();
        let length = fs::metadata(&path).map_err(|e| format!("{shown} cannot be read: {e}"))?.len();
        if length > PEM_BYTES_MAX {
            return Err(format!("{shown} is longer than {PEM_BYTES_MAX} bytes"));
        }
        fs::read(&path).map_err(|e| format!("{shown} cannot be read: {e}"))
    }
}

fn version(section: &Section<'_>, key: &str) -> Version {
    let name = section.text(key).unwrap_or_default();
    Version::named(&name).unwrap_or_else(|message| {
        section.problem(key, message);
        Version::Tls12
    })
}

/// Settings that would leave the port more open than they look.
fn check_policy(section: &Section<'_>, policy: ClientAuth, has_authority: bool, has_names: bool) {
    let key = "client_auth_type";
    if has_authority && policy == ClientAuth::None {
        section.problem(
            key,
            "is required where client_ca or client_ca_file is given: most often \
             RequireAndVerifyClientCert",
        );
    }
    if policy.verifies() && !has_authority {
        section.problem(key, "needs client_ca_file: the authority that vouches for clients");
    }
    if has_names && !policy.verifies() {
        section.problem(
            "client_allowed_sans",
            "needs client_auth_type: RequireAndVerifyClientCert; without it anybody can make a \
             certificate of that name",
        );
    }
}

fn headers(section: &Section<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for name in section.keys() {
        let Some(text) = section.text(name) else { continue };
        let allowed = keys::allowed_values(name);
        if !allowed.is_empty() && !allowed.contains(&text.as_str()) {
            section.problem(name, format!("must be {}", allowed.join(" or ")));
            continue;
        }
        match (HeaderName::try_from(name), HeaderValue::from_str(&text)) {
            (Ok(name), Ok(value)) => headers.push((name, value)),
            _ => section.problem(name, "holds a character that no header may have"),
        }
    }
    headers
}

fn users(section: &Section<'_>) -> Users {
    let hashes: Vec<(String, Secret)> = section
        .keys()
        .filter_map(|name| Some((name.to_owned(), Secret::new(section.text(name)?))))
        .collect();
    for name in section.keys().filter(|name| name.contains(':') || name.is_empty()) {
        section.problem(name, "a name with a colon, or an empty one, cannot log in");
    }
    let mut users = Users::default();
    for (name, hash) in &hashes {
        if let Err((_, message)) = Users::new([(name.clone(), hash.clone())]) {
            section.problem(name, message);
        }
    }
    for name in section.keys().filter(|name| !section.has(name)) {
        section.problem(name, "has no password; give a bcrypt hash");
    }
    if !section.is_faulty() {
        users = Users::new(hashes).unwrap_or_default();
    }
    users
}

fn rate(section: &Section<'_>) -> Option<Rate> {
    let interval = section.duration("interval");
    let burst = u32::try_from(section.count("burst")).unwrap_or(u32::MAX);
    if interval.is_zero() {
        return None;
    }
    if burst == 0 {
        section.problem("burst", "must be 1 or more, or no request is ever answered");
    }
    Some(Rate { interval, burst })
}

#[cfg(test)]
mod tests;
