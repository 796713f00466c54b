//! Which path is which page, below the prefix that a proxy may need.

/// The pages of departments are below it.
const DEPARTMENTS: &str = "/departments/";

/// A page, as the table of the module has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Metrics,
    Page,
    Department,
    Healthy,
    Ready,
    Reload,
    Config,
    Status,
    /// Outside the prefix, or the prefix without its slash: the page is elsewhere.
    Moved,
    Other,
}

impl Route {
    /// The label `path`: one of a closed list, whatever clients ask for.
    pub(super) const fn as_label(self) -> &'static str {
        match self {
            Self::Metrics => "/metrics",
            Self::Page | Self::Moved => "/",
            Self::Department => "/departments",
            Self::Healthy => "/-/healthy",
            Self::Ready => "/-/ready",
            Self::Reload => "/-/reload",
            Self::Config => "/config",
            Self::Status => "/api/v1/status",
            Self::Other => "other",
        }
    }

    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Reload => "POST, PUT",
            _ => "GET, HEAD",
        }
    }

    pub(super) fn allows(self, method: &hyper::Method) -> bool {
        self == Self::Other || self.allow().split(", ").any(|allowed| allowed == method.as_str())
    }

    /// Whether it is for who watches the process: always answered, and without a password.
    pub(super) const fn is_probe(self) -> bool {
        matches!(self, Self::Healthy | Self::Ready)
    }
}

/// Where the pages are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paths {
    /// Begins with a slash and does not end with one, or is empty.
    prefix: String,
    /// Below the prefix; begins with a slash.
    telemetry: String,
    /// The path of the status page as a browser outside of the proxy sees it.
    outside: String,
}

impl Paths {
    /// `prefix` and `external_path` as they were given, with or without slashes at their ends.
    pub(super) fn new(prefix: &str, telemetry: &str, external_path: &str) -> Self {
        let trimmed = |path: &str| match path.trim_matches('/') {
            "" => String::new(),
            path => format!("/{path}"),
        };
        Self {
            prefix: trimmed(prefix),
            telemetry: telemetry.to_owned(),
            outside: format!("{}/", trimmed(external_path)),
        }
    }

    /// Where [`Route::Moved`] leads.
    pub(super) fn outside(&self) -> &str {
        &self.outside
    }

    pub(super) fn route(&self, path: &str) -> Route {
        let Some(below) = path.strip_prefix(&self.prefix) else {
            return match path {
                "/" => Route::Moved,
                // Who watches the process need not know about the proxy.
                "/-/healthy" => Route::Healthy,
                "/-/ready" => Route::Ready,
                _ => Route::Other,
            };
        };
        match below {
            "" => Route::Moved,
            path if path == self.telemetry => Route::Metrics,
            "/" => Route::Page,
            "/-/healthy" => Route::Healthy,
            "/-/ready" => Route::Ready,
            "/-/reload" => Route::Reload,
            "/config" => Route::Config,
            "/api/v1/status" => Route::Status,
            path if path.starts_with(DEPARTMENTS) => Route::Department,
            _ => Route::Other,
        }
    }

    /// What follows `/departments/` in the path of a department's page.
    pub(super) fn department<'a>(&self, path: &'a str) -> Option<&'a str> {
        path.strip_prefix(&self.prefix)?.strip_prefix(DEPARTMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_prefix_the_pages_are_at_the_root() {
        let paths = Paths::new("/", "/metrics", "");
        assert_eq!(paths.route("/"), Route::Page);
        assert_eq!(paths.route("/metrics"), Route::Metrics);
        assert_eq!(paths.route("/-/ready"), Route::Ready);
        assert_eq!(paths.route("/metrics/"), Route::Other);
        assert_eq!(paths.route("//"), Route::Other);
    }

    #[test]
    fn below_a_prefix_everything_but_the_probes_is_there_alone() {
        for prefix in ["/feishu/x", "feishu/x", "/feishu/x/"] {
            let paths = Paths::new(prefix, "/m", "/outside/");
            assert_eq!(paths.outside(), "/outside/");
            for (path, route) in [
                ("/", Route::Moved),
                ("/feishu/x", Route::Moved),
                ("/feishu/x/", Route::Page),
                ("/feishu/x/m", Route::Metrics),
                ("/feishu/x/config", Route::Config),
                ("/feishu/x/-/reload", Route::Reload),
                ("/feishu/x/-/healthy", Route::Healthy),
                ("/-/healthy", Route::Healthy),
                ("/-/ready", Route::Ready),
                ("/m", Route::Other),
                ("/-/reload", Route::Other),
                ("/feishu/xx/m", Route::Other),
                ("/feishu", Route::Other),
            ] {
                assert_eq!(paths.route(path), route, "{path}");
            }
        }
    }
}
