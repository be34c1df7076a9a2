//! CLIENT KILL.

use super::{Kind, choice};
use crate::acl;
use crate::client::{Client, Closing};
use crate::command::Outcome;
use crate::context::Ctx;
use rufous_protocol::error::{self, ReplyError};
use rufous_protocol::number::parse_i64;
use rufous_protocol::request::Args;

/// Which clients are meant; a filter that was not given lets all pass.
#[derive(Default)]
struct Filters<'a> {
    id: Option<u64>,
    kind: Option<Kind>,
    user: Option<&'a [u8]>,
    address: Option<&'a [u8]>,
    local_address: Option<&'a [u8]>,
    age_min_s: Option<i64>,
    spare_me: bool,
}

impl<'a> Filters<'a> {
    /// Pairs of option and value.
    fn parse(cx: &Ctx<'_>, args: Args<'a>) -> Result<Filters<'a>, ReplyError> {
        let mut filters = Filters { spare_me: true, ..Filters::default() };
        let mut rest = args;
        while let Some(option) = rest.find(0) {
            let value = rest.find(1).ok_or(error::SYNTAX)?;
            match option.to_ascii_lowercase().as_slice() {
                b"id" => {
                    let id = parse_i64(value).filter(|id| *id > 0).ok_or(error::CLIENT_ID_NOT_POSITIVE)?;
                    filters.id = Some(id as u64);
                }
                b"type" => filters.kind = Some(Kind::parse(value)?),
                b"addr" => filters.address = Some(value),
                b"laddr" => filters.local_address = Some(value),
                b"user" if acl::exists(cx.server, value) => filters.user = Some(value),
                b"user" => return Err(error::no_such_user(value)),
                b"maxage" => filters.age_min_s = Some(parse_age(value)?),
                b"skipme" => filters.spare_me = choice(value, "yes", "no")?,
                _ => return Err(error::SYNTAX),
            }
            rest = rest.from(2);
        }
        Ok(filters)
    }

    fn match_client(&self, client: &Client, now_ms: i64) -> bool {
        let is = |wanted: Option<&[u8]>, text: &dyn Fn() -> String| {
            wanted.is_none_or(|wanted| wanted == text().as_bytes())
        };
        client.closing != Some(Closing::Now)
            && self.id.is_none_or(|id| id == client.id)
            && self.kind.is_none_or(|kind| kind.is(client.class()))
            && self.user.is_none_or(|user| user == client.user.as_bytes())
            && self.age_min_s.is_none_or(|age| (now_ms - client.created_ms) / 1000 >= age)
            && is(self.address, &|| client.address.to_string())
            && is(self.local_address, &|| client.local_address.to_string())
    }
}

fn parse_age(value: &[u8]) -> Result<i64, ReplyError> {
    let age = parse_i64(value).ok_or_else(|| error::message("maxage is not an integer or out of range"))?;
    if age > 0 { Ok(age) } else { Err(error::message("maxage should be greater than 0")) }
}

/// CLIENT KILL addr, or CLIENT KILL \[ID id\] \[TYPE type\] \[USER user\] \[ADDR addr\] \[LADDR addr\] \[MAXAGE seconds\]
/// \[SKIPME yes | no\]
pub(super) fn kill(cx: &mut Ctx<'_>, args: Args<'_>) -> Outcome {
    let old_form = args.len() == 3;
    let filters = if old_form {
        Filters { address: Some(args.get(2)), ..Filters::default() }
    } else {
        Filters::parse(cx, args.from(2))?
    };
    let now = cx.now();
    let clients = &mut cx.server.clients;
    let doomed: Vec<usize> = clients
        .iter()
        .filter(|peer| filters.match_client(&peer.client, now))
        .map(|peer| peer.client.token)
        .collect();
    doomed.iter().for_each(|&token| clients.close(token, Closing::Now));
    let me_too = !filters.spare_me && filters.match_client(cx.client, now);
    let killed = doomed.len() + usize::from(me_too);
    if !old_form {
        cx.reply.integer(killed as i64);
    } else if killed > 0 {
        cx.reply.ok();
    } else {
        return Err(error::NO_SUCH_CLIENT);
    }
    if me_too {
        cx.client.close(Closing::AfterReply);
    }
    Ok(())
}
