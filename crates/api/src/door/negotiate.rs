//! Which of the forms on offer the caller wants.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::problem::{Refusal, Slug};

/// The best of the offers by `Accept`; the first where nothing is asked for, or all alike.
pub(crate) fn negotiate<'o>(headers: &HeaderMap, offers: &[&'o str]) -> Result<&'o str, Refusal> {
    let Some(first) = offers.first() else {
        return Err(Slug::NotAcceptable.into());
    };
    let ranges: Vec<(String, f32)> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(range)
        .collect();
    if ranges.is_empty() {
        return Ok(first);
    }
    let mut best: Option<(&str, f32)> = None;
    for offer in offers {
        let quality = quality(&ranges, offer);
        if quality > best.map_or(0.0, |(_, q)| q) {
            best = Some((offer, quality));
        }
    }
    best.map(|(offer, _)| offer).ok_or_else(|| Slug::NotAcceptable.into())
}

/// The quality of the most specific range that takes the offer.
fn quality(ranges: &[(String, f32)], offer: &str) -> f32 {
    let kind = offer.split('/').next().unwrap_or_default();
    let of = |wanted: &str| ranges.iter().find(|(range, _)| range == wanted).map(|(_, q)| *q);
    of(offer)
        .or_else(|| of(&format!("{kind}/*")))
        .or_else(|| of("*/*"))
        .unwrap_or(0.0)
}

fn range(text: &str) -> Option<(String, f32)> {
    let mut parts = text.split(';').map(str::trim);
    let name = parts.next().filter(|name| name.contains('/'))?.to_ascii_lowercase();
    let quality = parts
        .find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
        .map_or(1.0, |q| q.parse().unwrap_or(0.0));
    Some((name, quality))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    const LIST: [&str; 2] = ["application/json", "application/x-ndjson"];

    fn chosen(accept: &'static str) -> Option<&'static str> {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
        negotiate(&headers, &LIST).ok()
    }

    #[test]
    fn the_caller_chooses_among_what_is_offered() {
        assert_eq!(negotiate(&HeaderMap::new(), &LIST).ok(), Some("application/json"));
        assert_eq!(chosen("*/*"), Some("application/json"));
        assert_eq!(chosen("application/x-ndjson"), Some("application/x-ndjson"));
        assert_eq!(
            chosen("application/json;q=0.5, application/x-ndjson"),
            Some("application/x-ndjson")
        );
        assert_eq!(
            chosen("application/*, application/json;q=0"),
            Some("application/x-ndjson")
        );
        assert_eq!(chosen("text/html"), None);
        assert_eq!(chosen("text/html, */*;q=0.1"), Some("application/json"));
    }
}
