//! The mix: what is sent, with its templates read.

use std::fs;
use std::path::Path;

use eventflow_core::sanitize;

use super::names::Names;
use crate::plan::{Template, TemplateFlaw};
use crate::scenario::flaw::{Bytes, Flaw, Flaws, position};
use crate::scenario::given::Given;
use crate::scenario::raw::{Data, RawKind};
use crate::scenario::{Fate, Kind};

/// The kinds of events, and the names of all, also of those that could not be read.
#[derive(Debug, Default)]
pub(super) struct Mix {
    pub(super) kinds: Vec<Kind>,
    pub(super) names: Names,
}

/// The longest event type, in bytes, as a handler's pattern has it.
const LONGEST_TYPE: usize = 255;

/// The largest data that is made, in bytes: far more than any server takes.
const LARGEST: u64 = 64 << 20;

const EXAMPLE: &str = "{ weight = 1, event = \"order.created\" }";

/// Checks the mix.
pub(super) fn mix(raw: &Given<Vec<Given<RawKind>>>, folder: &Path, flaws: &Flaws) -> Mix {
    let mut mix = Mix::default();
    let list = raw.get().map_or(&[][..], Vec::as_slice);
    if list.is_empty() && !(raw.stands() && raw.get().is_none()) {
        flaws.hinted(raw.at(), "the mix is empty", format!("write `mix = [{EXAMPLE}]`"));
    }
    for given in list {
        let Some(kind) = given.get() else { continue };
        if let Some(kind) = read(kind, given.at(), folder, &mut mix.names, flaws) {
            mix.kinds.push(kind);
        }
    }
    mix
}

fn read(raw: &RawKind, at: Bytes, folder: &Path, names: &mut Names, flaws: &Flaws) -> Option<Kind> {
    let event_type = event_type(raw, at, flaws)?;
    let (name, named_at) = raw
        .name
        .get()
        .map_or((event_type, raw.event.at()), |name| (&name.0.0, raw.name.at()));
    let hint = "give it a `name` of its own";
    names.add(name, named_at, "a kind of the mix", hint, flaws);
    Some(Kind {
        name: name.clone(),
        weight: raw.weight.get().map_or(1.0, |weight| weight.0),
        event_type: event_type.clone(),
        data: raw
            .data
            .get()
            .and_then(|data| template(data, raw.data.at(), folder, flaws)),
        size: size(raw, flaws),
        resend: raw.resend.get().map_or(0.0, |share| share.0),
        client: raw.client.get().copied().unwrap_or_default(),
        expect: raw.expect.get().copied().unwrap_or(Fate::Stored),
    })
}

fn size(raw: &RawKind, flaws: &Flaws) -> Option<u64> {
    let size = raw.size.get()?.0;
    if size > LARGEST {
        flaws.add(raw.size.at(), format!("`size` is at most 64 MiB, not {size} bytes"));
    }
    Some(size)
}

fn event_type<'a>(raw: &'a RawKind, at: Bytes, flaws: &Flaws) -> Option<&'a String> {
    if !raw.event.stands() {
        flaws.hinted(
            at,
            "nobody says which event is sent",
            "write `event = \"order.created\"`",
        );
    }
    let event_type = raw.event.get()?;
    let fits =
        !event_type.trim().is_empty() && event_type.len() <= LONGEST_TYPE && !event_type.chars().any(char::is_control);
    if !fits {
        flaws.add(
            raw.event.at(),
            format!("an event type has 1 to {LONGEST_TYPE} bytes and no control characters"),
        );
        return None;
    }
    Some(event_type)
}

fn template(data: &Data, at: Bytes, folder: &Path, flaws: &Flaws) -> Option<Template> {
    match data {
        Data::Inline(value) => Template::of_json(value)
            .map_err(|flaw| flaws.add(at, format!("the data is no template: {flaw}")))
            .ok(),
        Data::File(file) => from_file(file, at, folder, flaws),
    }
}

fn from_file(file: &str, at: Bytes, folder: &Path, flaws: &Flaws) -> Option<Template> {
    let path = folder.join(file);
    let text = fs::read_to_string(&path)
        .map_err(|error| {
            flaws.hinted(
                at,
                format!("the template {} cannot be read: {error}", path.display()),
                "`data` names a file beside the scenario, or is a table such as `{ order = \"o-{{seq}}\" }`",
            );
        })
        .ok()?;
    Template::parse(&text)
        .map_err(|flaw| flaws.elsewhere(in_template(&path, &text, &flaw)))
        .ok()
}

fn in_template(path: &Path, text: &str, flaw: &TemplateFlaw) -> Flaw {
    let (line, column) = position(text, flaw.offset);
    Flaw {
        file: sanitize(&path.display().to_string()).into_owned(),
        line,
        column,
        message: sanitize(&flaw.message).into_owned(),
        hint: None,
    }
}
