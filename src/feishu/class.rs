//! The closed lists that say what follows from a failure: its class, how far it reaches, and
//! whether the request is sent again.

/// The class of a failure: a closed list, used as the label `class`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Too many requests for now.
    Throttled,
    /// The month's quota is used up.
    Quota,
    /// The access token was refused.
    Token,
    /// The app's id or secret is wrong, or the app is disabled.
    Credentials,
    /// A scope or data permission is missing.
    Permission,
    /// Feishu does not accept the parameters.
    InvalidRequest,
    /// Feishu failed on its side.
    Server,
    /// No answer arrived.
    Network,
    /// An answer arrived that is not Feishu's or cannot be understood.
    Malformed,
}

/// How far a failure reaches: which other requests would fail in the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Every request of the app, to whatever endpoint.
    App,
    /// Every request to the same endpoint.
    Endpoint,
    /// Only requests for the same department or id.
    Department,
    /// One answer cannot tell: the next request may well succeed.
    Unknown,
}

impl Reach {
    /// Whether any other request to the same endpoint would fail in the same way.
    #[must_use]
    pub const fn concerns_endpoint(self) -> bool {
        matches!(self, Self::App | Self::Endpoint)
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Wait as told, then send again.
    AsTold,
    /// Wait a little longer each time, then send again.
    BackOff,
    /// Renew the token once, then send again.
    RenewToken,
    /// Sending the same again cannot help.
    Never,
}

impl Class {
    /// Every class, for metrics that are present from the start.
    pub const ALL: [Self; 9] = [
        Self::Throttled,
        Self::Quota,
        Self::Token,
        Self::Credentials,
        Self::Permission,
        Self::InvalidRequest,
        Self::Server,
        Self::Network,
        Self::Malformed,
    ];

    /// The value of the label `class`.
    #[must_use]
    pub const fn as_label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Quota => "quota",
            Self::Token => "token",
            Self::Credentials => "credentials",
            Self::Permission => "permission",
            Self::InvalidRequest => "invalid_request",
            Self::Server => "server",
            Self::Network => "network",
            Self::Malformed => "malformed",
        }
    }

    /// What to do after a failure of this class.
    #[must_use]
    pub const fn retry(self) -> Retry {
        match self {
            Self::Throttled => Retry::AsTold,
            Self::Server | Self::Network | Self::Malformed => Retry::BackOff,
            Self::Token => Retry::RenewToken,
            Self::Quota | Self::Credentials | Self::Permission | Self::InvalidRequest => {
                Retry::Never
            }
        }
    }

    /// How far a failure of this class reaches where no code of Feishu's says more.
    pub(super) const fn usual_reach(self) -> Reach {
        match self {
            Self::Quota | Self::Token | Self::Credentials | Self::Network => Reach::App,
            Self::Permission => Reach::Endpoint,
            Self::InvalidRequest => Reach::Department,
            Self::Throttled | Self::Server | Self::Malformed => Reach::Unknown,
        }
    }
}
