//! The `Accept` header.

/// One clause of an `Accept` header.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptClause {
    /// `application`, `*`
    pub kind: String,
    /// `json`, `*`
    pub subtype: String,
    /// Quality; 1 if not given.
    pub quality: f64,
    /// The other parameters, in their order; the last of a name counts.
    pub parameters: Vec<(String, String)>,
}

/// The clauses, best first.
///
/// The order is upstream's: quality, then named before `*`, then as written. (Upstream's comparison
/// is no consistent order, so its way of sorting is kept as well.)
#[must_use]
pub fn parse_accept(header: &str) -> Vec<AcceptClause> {
    let mut clauses: Vec<AcceptClause> = elements(header, ',').filter_map(clause).collect();
    for end in 1..clauses.len() {
        let mut at = end;
        while at > 0 && goes_before(&clauses[at], &clauses[at - 1]) {
            clauses.swap(at, at - 1);
            at -= 1;
        }
    }
    clauses
}

fn goes_before(a: &AcceptClause, b: &AcceptClause) -> bool {
    a.quality > b.quality || (a.kind != "*" && b.kind == "*") || (a.subtype != "*" && b.subtype == "*")
}

/// The parts between separators; nothing after a last separator.
fn elements(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut parts = text.split(separator).peekable();
    std::iter::from_fn(move || {
        let part = parts.next()?;
        (parts.peek().is_some() || !part.is_empty()).then_some(part)
    })
}

fn trim(text: &str) -> &str {
    text.trim_matches(' ')
}

fn clause(part: &str) -> Option<AcceptClause> {
    let (range, parameters) = trim(part).split_once(';').unwrap_or((trim(part), ""));
    let (kind, subtype) = match range.split_once('/') {
        None | Some((_, "")) => {
            let kind = trim(range.split('/').next().unwrap_or_default());
            (kind, if kind == "*" { "*" } else { return None })
        }
        Some((kind, subtype)) => {
            let subtype = match subtype.split_once('/') {
                Some((_, rest)) if !rest.is_empty() => return None,
                Some((subtype, _)) => subtype,
                None => subtype,
            };
            (trim(kind), trim(subtype))
        }
    };
    let mut clause = AcceptClause {
        kind: kind.to_owned(),
        subtype: subtype.to_owned(),
        quality: 1.0,
        parameters: Vec::new(),
    };
    for parameter in elements(parameters, ';') {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let value = match value.split_once('=') {
            Some((_, rest)) if !rest.is_empty() => continue,
            Some((value, _)) => value,
            None => value,
        };
        if value.is_empty() && !parameter.ends_with("==") {
            continue;
        }
        let name = trim(name);
        if name == "q" {
            clause.quality = value.parse().ok().filter(|q: &f64| q.is_finite()).unwrap_or(0.0);
        } else {
            clause.parameters.retain(|(known, _)| known != name);
            clause.parameters.push((name.to_owned(), trim(value).to_owned()));
        }
    }
    Some(clause)
}
