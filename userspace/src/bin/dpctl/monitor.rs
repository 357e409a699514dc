// SPDX-License-Identifier: GPL-2.0

//! `monitor [DP...]`: what happens to datapaths, ports and flows, as it happens.

use crate::context::{
    Context,
    Outcome, //
};
use crate::flow::Printer;
use crate::json;
use crate::port::Kind;
use openvswitch::client::{
    Datapath,
    Error,
    Families,
    Flow,
    Reply,
    Socket,
    Vport, //
};
use openvswitch::odp::uapi::{
    dp_cmd,
    flow_cmd, //
};
use openvswitch::text::Ports;
use serde::Serialize;
use std::collections::BTreeMap;

/// Something that happened, as `--json` prints it.
#[derive(Serialize)]
struct Event {
    datapath: String,
    event: &'static str,
    object: &'static str,
    what: String,
}

/// The datapaths that are known, by their interface index.
type Known = BTreeMap<i32, (String, Ports)>;

/// `monitor [DP...]`
pub(crate) fn run(context: &mut Context, args: &[&str]) -> Outcome {
    let wanted: Vec<String> = args
        .iter()
        .map(|name| name.rsplit('@').next().unwrap_or(name).to_owned())
        .collect();
    let opened = context.client().and_then(|client| {
        let families = client.families().clone();
        let mut socket = Socket::open()?;
        socket.set_receive_buffer(4 << 20)?;
        for family in [&families.datapath, &families.vport, &families.flow] {
            socket.subscribe(family.group)?;
        }
        Ok((families, socket))
    });
    let (families, mut socket) = match opened {
        Ok(opened) => opened,
        Err(why) => return context.fail_with("listening for notifications", &why),
    };
    let mut known = match learn(context) {
        Ok(known) => known,
        Err(why) => return context.fail_with("listing datapaths", &why),
    };
    let mut printer = Printer::new(context, None);
    loop {
        let mut events = Vec::new();
        match socket.receive() {
            Ok(messages) => {
                for message in messages.into_iter().flatten() {
                    let event = message
                        .and_then(|reply| translate(&families, &mut known, &mut printer, reply));
                    match event {
                        Ok(event) => events.extend(event),
                        Err(why) => context.report("notification", Some(&why)),
                    }
                }
            }
            Err(Error::Overrun) => {
                context.report("notifications were lost", None);
                continue;
            }
            Err(why) => return context.fail_with("notification", &why),
        }
        for event in events {
            if !wanted.is_empty() && !wanted.contains(&event.datapath) {
                continue;
            }
            match context.args.json {
                true => json::print(context, &event)?,
                false => writeln!(
                    context,
                    "system@{}: {} {}: {}",
                    event.datapath, event.object, event.event, event.what
                )?,
            }
        }
        context.flush()?;
    }
}

/// The datapaths there are, and their ports.
fn learn(context: &mut Context) -> Result<Known, Error> {
    let client = context.client()?;
    let mut known = Known::new();
    for dp in client.datapaths()? {
        let ports = client.vports(dp.ifindex)?;
        let ports = ports.iter().map(|port| (port.port_no, port.name.as_str()));
        known.insert(dp.ifindex, (dp.name.clone(), ports.collect()));
    }
    Ok(known)
}

/// What a notification says; `None`: nothing that matters.
fn translate(
    families: &Families,
    known: &mut Known,
    printer: &mut Printer,
    reply: Reply<'_>,
) -> Result<Option<Event>, Error> {
    let index = reply.dp_ifindex;
    // The commands of all three families are numbered alike.
    let event = match reply.command {
        flow_cmd::NEW => "new",
        flow_cmd::DEL => "deleted",
        flow_cmd::SET | flow_cmd::GET => "changed",
        _ => return Ok(None),
    };
    let deleted = reply.command == flow_cmd::DEL;
    let (object, what) = if reply.family == families.datapath.id {
        let dp = Datapath::parse(reply)?;
        known.entry(index).or_default().0.clone_from(&dp.name);
        let what = format!("features:{:#x}", dp.user_features);
        ("datapath", what)
    } else if reply.family == families.vport.id {
        let port = Vport::parse(reply)?;
        if !deleted {
            let (_, ports) = known.entry(index).or_default();
            ports.insert(port.port_no, &port.name);
        }
        let kind = Kind::of(&port).name();
        ("port", format!("{}: {} ({kind})", port.port_no, port.name))
    } else if reply.family == families.flow.id {
        let flow = Flow::parse(reply)?;
        let what = match flow.key.is_empty() && flow.ufid.is_none() {
            true => "all".to_owned(),
            false => printer.text(&flow, known.get(&index).map(|(_, ports)| ports)),
        };
        ("flow", what)
    } else {
        return Ok(None);
    };
    let datapath = known.get(&index).map(|(name, _)| name.clone());
    if object == "datapath" && reply.command == dp_cmd::DEL {
        known.remove(&index);
    }
    Ok(Some(Event {
        datapath: datapath.unwrap_or_default(),
        event,
        object,
        what,
    }))
}
