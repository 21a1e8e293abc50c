//! Proxies in front of us: whom to believe about where a request came from. Anybody can write a header; only what a proxy of
//! the operator's adds at the right-hand end is true (A24).

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddrV4},
    str::FromStr,
};

/// The most proxies in a row.
const MAX_HOPS: usize = 16;

/// A network in CIDR notation, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// What is no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give an IP address or a network, such as 10.0.0.7 or 10.0.0.0/24 or fd00::/64, and never everybody")]
pub struct BadNetwork;

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse().map_err(|_| BadNetwork)?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| BadNetwork)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(most);
        // Whoever believes everybody believes nobody's proxy.
        if (1..=most).contains(&prefix) { Ok(Self { address, prefix }) } else { Err(BadNetwork) }
    }
}

impl Network {
    /// Whether an address lies in it.
    pub fn has(&self, ip: IpAddr) -> bool {
        match (self.address, ip.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(ip)) => {
                same(ours.to_bits().into(), ip.to_bits().into(), 32 - self.prefix)
            }
            (IpAddr::V6(ours), IpAddr::V6(ip)) => same(ours.to_bits(), ip.to_bits(), 128 - self.prefix),
            _ => false,
        }
    }
}

/// Whether two addresses are the same but for their last bits.
fn same(one: u128, other: u128, last: u32) -> bool {
    one.checked_shr(last) == other.checked_shr(last)
}

/// Who sent a request that `peer` brought. `told` is what the header names, nearest to us first; `None` is what cannot be read.
///
/// The right-most address that is no proxy of ours: what stands left of it was written by strangers. `None` where a proxy of ours
/// says nothing that can be read: then nobody knows.
pub fn client(
    peer: IpAddr,
    told: impl Iterator<Item = Option<IpAddr>>,
    ours: impl Fn(IpAddr) -> bool,
) -> Option<IpAddr> {
    if !ours(peer) {
        return Some(peer.to_canonical());
    }
    let mut farthest = None;
    for hop in told.take(MAX_HOPS) {
        let hop = hop?;
        if !ours(hop) {
            return Some(hop);
        }
        farthest = Some(hop);
    }
    farthest
}

/// In which header a proxy tells where a request came from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AddressHeader {
    /// `X-Forwarded-For`: addresses, parted by commas.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl AddressHeader {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// The addresses that one line of it names, nearest to us first. What is a quotation is told from the right, where a proxy
    /// wrote: nobody who begins one on the left swallows what a proxy adds behind it, and no host that a client made up, quoted
    /// by a proxy, is taken for an address.
    pub fn hops(self, line: &str) -> impl Iterator<Item = Option<IpAddr>> {
        parted(line, b',').map(move |one| match self {
            Self::XForwardedFor => node(one.trim()),
            Self::Forwarded => node(forwarded_for(one)?),
        })
    }
}

/// A text parted at a separator that stands in no quotation, the last part first. Quotation marks are counted from the right; one
/// behind an odd number of backslashes is none (RFC 9110 section 5.6.4).
fn parted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let (bytes, mut quoted) = (whole.as_bytes(), false);
        let escaped =
            |at: usize| bytes.iter().take(at).rev().take_while(|byte| **byte == b'\\').count() % 2 == 1;
        let found = bytes.iter().enumerate().rev().find(|(at, byte)| {
            quoted ^= **byte == b'"' && !escaped(*at);
            !quoted && **byte == separator
        });
        let parts = found.and_then(|(at, _)| Some((whole.get(..at)?, whole.get(at + 1..)?)));
        rest = parts.map(|(before, _)| before);
        Some(parts.map_or(whole, |(_, last)| last))
    })
}

/// The value of `for`, of one element (RFC 7239 section 4).
fn forwarded_for(element: &str) -> Option<&str> {
    let mut pairs = parted(element, b';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// An address with or without its port (RFC 7239 section 6); `unknown` and what begins with `_` are none.
fn node(text: &str) -> Option<IpAddr> {
    let in_brackets = |rest: &str| {
        let (ip, port) = rest.split_once(']')?;
        let port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        port.then(|| ip.parse::<Ipv6Addr>().ok()).flatten().map(IpAddr::V6)
    };
    let ip = match text.strip_prefix('[') {
        Some(rest) => in_brackets(rest),
        None => text.parse().ok().or_else(|| Some(IpAddr::V4(*text.parse::<SocketAddrV4>().ok()?.ip()))),
    };
    ip.map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_has_what_lies_in_it() {
        let has = |network: &str, address: &str| network.parse::<Network>().unwrap().has(ip(address));
        assert!(has("10.0.0.7", "10.0.0.7") && !has("10.0.0.7", "10.0.0.6"));
        assert!(has("10.0.0.0/25", "10.0.0.127") && !has("10.0.0.0/25", "10.0.0.128"));
        assert!(has("10.0.0.0/25", "::ffff:10.0.0.1"), "as a socket for both kinds tells it");
        assert!(has("fd00::/64", "fd00::ffff:1") && !has("fd00::/64", "fd00:0:0:1::1"));
        assert!(has("fd00::1", "fd00::1") && !has("fd00::1", "fd00::2") && !has("0.0.0.1", "::1"));
        assert!(has("128.0.0.0/1", "255.0.0.1") && !has("128.0.0.0/1", "127.0.0.1"));
        for bad in
            ["", "x", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "0.0.0.0/0", "::/0", "::/129", "10.0.0"]
        {
            assert_eq!(bad.parse::<Network>(), Err(BadNetwork), "{bad}");
        }
    }

    #[test]
    fn each_way_to_tell_has_its_header() {
        let names = [AddressHeader::XForwardedFor, AddressHeader::Forwarded].map(AddressHeader::name);
        assert_eq!(names, ["x-forwarded-for", "forwarded"]);
    }

    #[test]
    fn the_right_most_address_that_is_no_proxy_of_ours_counts() {
        let inside: Network = "10.0.0.0/8".parse().unwrap();
        let sent = |peer: &str, header: AddressHeader, line: &str| {
            client(ip(peer), header.hops(line), |ip| inside.has(ip)).map(|ip| ip.to_string())
        };
        let plain = |peer, line| sent(peer, AddressHeader::XForwardedFor, line);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(plain("192.0.2.1", "6.6.6.6"), some("192.0.2.1"), "a stranger's header is not read");
        assert_eq!(plain("10.0.0.1", "192.0.2.7"), some("192.0.2.7"));
        assert_eq!(plain("::ffff:10.0.0.1", "::ffff:192.0.2.7"), some("192.0.2.7"));
        assert_eq!(plain("10.0.0.1", "6.6.6.6, 192.0.2.7, 10.0.0.2"), some("192.0.2.7"));
        assert_eq!(plain("10.0.0.1", "10.0.0.9,10.0.0.2"), some("10.0.0.9"), "a client inside");
        assert_eq!(plain("10.0.0.1", "6.6.6.6, x, 10.0.0.2"), None);
        assert_eq!(plain("10.0.0.1", ""), None);
        assert_eq!(client(ip("10.0.0.1"), [].into_iter(), |_| true), None);
        let forwarded = |line| sent("10.0.0.1", AddressHeader::Forwarded, line);
        assert_eq!(forwarded("for=192.0.2.7;proto=https;by=10.0.0.1"), some("192.0.2.7"));
        assert_eq!(forwarded("proto=https; FOR=\"[2001:db8::7]:4711\""), some("2001:db8::7"));
        assert_eq!(forwarded("for=6.6.6.6, for=\"192.0.2.7:80\""), some("192.0.2.7"));
        assert_eq!(
            forwarded("for=\"6.6.6.6, for=192.0.2.7"),
            some("192.0.2.7"),
            "an open quotation hides nothing"
        );
        // A proxy tells the host that the client asked for, which the client makes up (RFC 7239 section 5.3).
        for told in [
            r#"for=192.0.2.7;host="x,for=6.6.6.6;y""#,
            r#"proto=http;host="x,for=6.6.6.6;y";for=192.0.2.7"#,
            r#"host="x;for=6.6.6.6;y";for=192.0.2.7"#,
            r#"for=192.0.2.7;host="x\",for=6.6.6.6;y""#,
            r#"for=6.6.6.6, host="x;for=6.6.6.6";for="192.0.2.7:80""#,
        ] {
            assert_eq!(forwarded(told), some("192.0.2.7"), "{told}");
        }
        assert_eq!(forwarded("for=unknown"), None);
        assert_eq!(forwarded("for=_hidden"), None);
        assert_eq!(forwarded("for=\"[2001:db8::7]x\""), None);
        assert_eq!(forwarded("192.0.2.7"), None);
    }
}
