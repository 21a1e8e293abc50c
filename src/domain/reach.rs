//! Which addresses Namens may call on the word of a client's registration (A14): public ones over https, and those that the
//! operator names.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::{Host, Url};

/// Why an address is not called, in words for the operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutOfReach {
    /// Anybody on the way could read and change it.
    #[error(
        "it must be https; http is for this machine only, at an address such as http://127.0.0.1:8080 that \
             [outbound] private_addresses names"
    )]
    Scheme,
    /// More than an address.
    #[error("it must have a host, and no user name, password or fragment")]
    Parts,
    /// An address of this machine or of a network behind the wall.
    #[error("its host is no public address, and [outbound] private_addresses does not name it")]
    Private,
}

/// The private addresses that may be called all the same.
#[derive(Debug, Clone, Default)]
pub struct Reach(BTreeSet<IpAddr>);

impl Reach {
    /// Everything public, and these.
    pub fn new(private: impl IntoIterator<Item = IpAddr>) -> Self {
        Self(private.into_iter().map(|ip| ip.to_canonical()).collect())
    }

    /// Whether the operator named an address.
    pub fn names(&self, ip: IpAddr) -> bool {
        self.0.contains(&ip.to_canonical())
    }

    /// Whether a connection may be made to an address.
    pub fn has(&self, ip: IpAddr) -> bool {
        self.names(ip) || is_public(ip.to_canonical())
    }

    /// What can be said of a URL before its host is looked up. To be asked again of the addresses that it has: [`Reach::has`].
    pub fn check(&self, url: &Url) -> Result<(), OutOfReach> {
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(OutOfReach::Parts);
        }
        let ip = match url.host() {
            None => return Err(OutOfReach::Parts),
            Some(Host::Domain(_)) => None,
            Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
            Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        };
        // Not by name: what a name means is for somebody else to say.
        let plain = url.scheme() == "http" && ip.is_some_and(|ip| ip.to_canonical().is_loopback());
        if url.scheme() != "https" && !plain {
            return Err(OutOfReach::Scheme);
        }
        if ip.is_none_or(|ip| self.has(ip)) { Ok(()) } else { Err(OutOfReach::Private) }
    }
}

/// Whether an address is one that the whole internet reaches (the registries of RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        // This network, and what is multicast, reserved or broadcast.
        || a == 0
        || a >= 224
        // Between a provider and its customers; protocol assignments, 6to4 relays; benchmarks.
        || a == 100 && (64..128).contains(&b)
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || a == 198 && (b == 18 || b == 19))
}

/// Global unicast only, without what carries an IPv4 address inside (Teredo, 6to4) or is for documentation.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    match ip.segments() {
        [0x2001, second, ..] => second >= 0x200 && second != 0xdb8,
        [0x2002, ..] => false,
        [0x3fff, second, ..] => second >= 0x1000,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::{
        OutOfReach::{Parts, Private, Scheme},
        *,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn only_what_the_whole_internet_reaches_is_public() {
        for public in ["1.1.1.1", "100.63.0.1", "172.32.0.1", "192.0.1.1", "198.20.0.1", "223.1.1.1"] {
            assert!(is_public(ip(public)), "{public}");
        }
        for public in ["2001:200::1", "2606:4700::1111", "2a02:a400::1", "3fff:1000::1", "::ffff:1.1.1.1"] {
            assert!(Reach::default().has(ip(public)), "{public}");
        }
        for private in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.19.1.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.1.1.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!Reach::default().has(ip(private)), "{private}");
            assert!(Reach::new([ip(private)]).has(ip(private)), "{private}, named");
        }
        assert!(Reach::new([ip("127.0.0.1")]).has(ip("::ffff:127.0.0.1")), "the same address");
        assert!(!Reach::new([ip("127.0.0.1")]).has(ip("127.0.0.2")));
    }

    #[test]
    fn a_url_is_https_or_of_this_machine_where_the_operator_says_so() {
        let named = Reach::new([ip("127.0.0.1"), ip("::1"), ip("10.0.0.1")]);
        let check = |reach: &Reach, url: &str| reach.check(&url.parse().unwrap()).err();
        for good in ["https://portal.example.nl/out?x=1", "https://1.1.1.1:8443/", "https://localhost/"] {
            assert_eq!(check(&Reach::default(), good), None, "{good}");
        }
        for good in ["http://127.0.0.1:8080/out", "http://[::1]/", "https://127.0.0.1/", "https://10.0.0.1/"]
        {
            assert_eq!(check(&named, good), None, "{good}");
            assert!(check(&Reach::default(), good).is_some(), "{good}, not named");
        }
        for (bad, why) in [
            ("http://portal.example.nl/", Scheme),
            ("http://localhost/", Scheme),
            ("http://10.0.0.1/", Scheme),
            ("http://1.1.1.1/", Scheme),
            ("ftp://127.0.0.1/", Scheme),
            ("file:///etc/passwd", Parts),
            ("data:text/plain,x", Parts),
            ("https://u@portal.example.nl/", Parts),
            ("https://u:p@portal.example.nl/", Parts),
            ("https://portal.example.nl/#x", Parts),
            ("https://192.168.1.1/", Private),
            ("https://[fd00::1]/", Private),
            // The same addresses, in disguise: a URL knows them.
            ("https://0xc0a80101/", Private),
            ("https://3232235777/", Private),
            ("https://0300.0250.1.1/", Private),
            ("https://[::ffff:192.168.1.1]/", Private),
            ("https://[::ffff:c0a8:101]/", Private),
            ("https://192.168.257/", Private),
            ("https://192.168.1.1./", Private),
        ] {
            assert_eq!(check(&named, bad), Some(why), "{bad}");
        }
    }
}
