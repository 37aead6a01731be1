//! `--limit NAME=VALUE` and `LIMITS`: parsed, and applied to the defaults. [`LIMITS`] is the table.

use std::{cmp::Reverse, fmt::Write};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use super::{
    limits::{DeadlineSettings, LIMITS, Limit, LimitSettings, LimitValues},
    number::within,
};

const OPTION: &str = "limit";

/// One value of `--limit`.
#[derive(Clone)]
struct LimitChange {
    limit: &'static Limit,
    value: u64,
}

fn parse(text: &str) -> Result<LimitChange, String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("expected NAME=VALUE, like cost=100000; `roster limits` lists the names")?;
    let limit = LIMITS
        .iter()
        .find(|limit| limit.name == name)
        .ok_or_else(|| unknown(name))?;
    let value = within(limit.bounds.clone())(value)?;
    Ok(LimitChange { limit, value })
}

/// Message for a name that no limit has, with the names that resemble it.
fn unknown(name: &str) -> String {
    let mut similar: Vec<_> = LIMITS
        .iter()
        .map(|limit| (strsim::jaro_winkler(name, limit.name), limit.name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .collect();
    similar.sort_by_key(|(similarity, _)| Reverse((similarity * 1e6) as u64));
    let names: Vec<_> = similar.iter().take(3).map(|(_, name)| *name).collect();
    let hint = match names.is_empty() {
        true => String::new(),
        false => format!("did you mean {}? ", names.join(" or ")),
    };
    format!("no limit has the name `{name}`; {hint}`roster limits` lists them")
}

/// Adds the option to a command that lacks it: several groups of settings read the same option.
fn add_option(command: Command) -> Command {
    if command.get_arguments().any(|arg| arg.get_id() == OPTION) {
        return command;
    }
    command.arg(
        Arg::new(OPTION)
            .long(OPTION)
            .env("LIMITS")
            .value_name("NAME=VALUE")
            .help("Set a limit, like cost=100000; several with commas. `roster limits` lists them")
            .long_help(
                "Set a limit, like cost=100000; several with commas, or with the option again\n\n\
                 `roster limits` lists their names, units, defaults and bounds. The option replaces \
                 all of LIMITS.",
            )
            .action(ArgAction::Append)
            .value_delimiter(',')
            .value_parser(parse)
            .global(true),
    )
}

/// The values of all limits, as the option sets them; the last one of a name counts.
fn read(matches: &ArgMatches) -> LimitValues {
    let mut values = LimitValues::DEFAULT;
    let changes = matches.get_many::<LimitChange>(OPTION);
    for change in changes.into_iter().flatten() {
        (change.limit.field)(&mut values).set(change.value);
    }
    values
}

impl Args for LimitSettings {
    fn augment_args(command: Command) -> Command {
        add_option(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        add_option(command)
    }
}

impl FromArgMatches for LimitSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(read(matches).server)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for DeadlineSettings {
    fn augment_args(command: Command) -> Command {
        add_option(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        add_option(command)
    }
}

impl FromArgMatches for DeadlineSettings {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(read(matches).database)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Text of `roster limits`: a line for each limit.
pub fn limit_table() -> String {
    let mut text = format!("{:<20} {:>9}  {:<24} MEANING", "NAME", "DEFAULT", "BOUNDS");
    for limit in LIMITS {
        let (least, most) = limit.bounds.clone().into_inner();
        let bounds = format!("{least} to {most} {}", limit.unit);
        let (name, default, description) = (limit.name, limit.default(), limit.description);
        let _ = write!(
            text,
            "\n{name:<20} {default:>9}  {bounds:<24} {description}"
        );
    }
    text
}
