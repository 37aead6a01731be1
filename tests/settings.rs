//! Flags and environment variables: numbers out of range, empty variables, addresses.

use std::any::TypeId;

use clap::{Arg, CommandFactory, Parser, error::ErrorKind};
use server::config::{Cli, Command, LIMITS};

use crate::support::home::{Home, Server};

#[test]
fn every_number_has_a_range_that_its_refusal_names() {
    let mut numbers = 0;
    for (path, arg) in arguments(&Cli::command(), &[]) {
        if !is_number(&arg) {
            continue;
        }
        numbers += 1;
        for number in [
            u64::MAX.to_string(),
            format!("{}0", u64::MAX),
            "-1".to_owned(),
        ] {
            let refused = parse(&path, &arg, &number).unwrap_err();
            let message = refused.to_string();
            assert_eq!(refused.kind(), ErrorKind::ValueValidation, "{message}");
            assert!(
                message.contains("expected a whole number from"),
                "{message}"
            );
        }
    }
    assert!(numbers > 10, "only {numbers} numbers were found");
}

#[test]
fn every_limit_has_bounds_that_its_refusal_names() {
    for limit in LIMITS {
        let (least, most) = (limit.bounds.start(), limit.bounds.end());
        for number in [*least, *most] {
            assert!(set(limit.name, number).is_ok(), "{} {number}", limit.name);
        }
        let below = least.checked_sub(1).map(|number| number.to_string());
        for number in [
            below.unwrap_or_else(|| "-1".to_owned()),
            (most + 1).to_string(),
            u64::MAX.to_string(),
            format!("{}0", u64::MAX),
            "many".to_owned(),
        ] {
            let refused = set(limit.name, &number).err().unwrap();
            let message = refused.to_string();
            assert_eq!(refused.kind(), ErrorKind::ValueValidation, "{message}");
            let bounds = format!("expected a whole number from {least} to {most}");
            assert!(message.contains(&bounds), "{message}");
        }
    }
}

#[test]
fn a_limit_that_does_not_exist_is_refused_with_names_that_resemble_it() {
    for (name, near) in [
        ("cots", "did you mean cost?"),
        ("header_time", "header_timeout"),
        ("max_depth", "depth"),
        ("nothing_like_it", "`roster limits`"),
    ] {
        let refused = set(name, 1).err().unwrap();
        assert_eq!(refused.kind(), ErrorKind::ValueValidation, "{refused}");
        assert!(refused.to_string().contains(near), "{refused}");
    }
    let refused = Cli::try_parse_from(["roster", "serve", "--limit", "cost"]).err();
    assert!(refused.unwrap().to_string().contains("NAME=VALUE"));
}

#[test]
fn the_last_value_of_a_limit_counts() {
    let given = ["--limit", "cost=5,depth=6", "--limit", "cost=7"];
    let cli = Cli::try_parse_from([&["roster", "serve"][..], &given].concat()).unwrap();
    let Command::Serve { settings, .. } = cli.command else {
        panic!("another command")
    };
    let document = settings.limits.operation.document;
    assert_eq!((document.cost, document.depth), (7, 6));
}

#[test]
fn deadlines_are_set_on_both_sides_of_the_step_of_a_migration() {
    for words in [
        ["migrate", "--limit=busy_timeout=9", "up"],
        ["migrate", "up", "--limit=busy_timeout=9"],
    ] {
        let cli = Cli::try_parse_from([&["roster"][..], &words].concat()).unwrap();
        let Command::Migrate { database, .. } = cli.command else {
            panic!("another command")
        };
        assert_eq!(database.deadlines.busy_timeout, 9);
    }
}

#[test]
fn limits_lists_every_limit_with_default_and_bounds() {
    let listed = Home::sqlite().roster(&["limits"]).ok().stdout;
    for limit in LIMITS {
        let line = listed
            .lines()
            .find(|line| line.split(' ').next() == Some(limit.name));
        let line = line.unwrap_or_else(|| panic!("{} is not in {listed}", limit.name));
        let (least, most) = (limit.bounds.start(), limit.bounds.end());
        for part in [
            &format!(" {} ", limit.default()),
            &format!(" {least} to {most} "),
            limit.unit,
            limit.description,
        ] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
    }
}

#[test]
fn zero_is_refused_where_it_would_end_what_it_limits() {
    for limit in [
        "header_timeout",
        "body_timeout",
        "idle_timeout",
        "write_timeout",
        "execution_timeout",
        "socket_init_timeout",
        "socket_ping",
        "socket_pong_timeout",
        "statement_timeout",
        "lock_timeout",
        "transaction_timeout",
        "acquire_timeout",
        "connect_timeout",
        "busy_timeout",
        "database_connections",
        "connections",
        "operations_at_once",
        "body_size",
        "header_size",
        "socket_message",
        "errors",
        "error_length",
        "tokens",
        "depth",
        "cost",
        "loaded",
        "answer_values",
    ] {
        let refused = set(limit, 0).err();
        let refused = refused.unwrap_or_else(|| panic!("{limit}=0 is accepted"));
        assert_eq!(refused.kind(), ErrorKind::ValueValidation, "{refused}");
    }
    for limit in [
        "sockets",
        "document_cache",
        "persisted_queries",
        "filter_hops",
    ] {
        assert!(set(limit, 0).is_ok(), "{limit}");
    }
    for flag in ["--database-wait", "--slow-operation", "--port"] {
        assert!(
            Cli::try_parse_from(["roster", "serve", flag, "0"]).is_ok(),
            "{flag}"
        );
    }
}

#[test]
fn a_token_lives_between_a_second_and_ten_years() {
    let token =
        |time| Cli::try_parse_from(["roster", "token", "--role", "viewer", "--expires", time]);
    for time in ["1s", "30m", "8h", "3650d"] {
        assert!(token(time).is_ok(), "{time}");
    }
    for time in [
        "0s",
        "3651d",
        "18446744073709551615s",
        "18446744073709551615d",
        "8",
        "d",
        "",
        "8µ",
    ] {
        let refused = token(time).err().unwrap().to_string();
        assert!(refused.contains("from 1s to 3650d"), "{time}: {refused}");
    }
}

#[test]
fn the_program_refuses_a_timeout_that_no_clock_can_hold() {
    let home = Home::sqlite();
    let refused = home.roster(&["serve", "--limit", "header_timeout=18446744073709551615"]);
    assert_eq!(refused.code, 2);
    for part in ["header_timeout=", "from 1 to 2000000"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
}

#[tokio::test]
async fn the_longest_times_and_largest_sizes_serve() {
    let home = Home::sqlite();
    let command = Cli::command();
    let serve = command.find_subcommand("serve").unwrap();
    let mut words = vec!["serve".to_owned(), "--port=0".to_owned()];
    for arg in serve.get_arguments().filter(|arg| is_number(arg)) {
        let name = arg.get_long().unwrap();
        let path = ["serve".to_owned()];
        let refused = parse(&path, arg, "-1").unwrap_err().to_string();
        let most = refused.split(" to ").last().unwrap();
        let most: String = most.chars().take_while(char::is_ascii_digit).collect();
        // The test waits for the grace, too.
        if !["port", "shutdown-grace"].contains(&name) {
            words.push(format!("--{name}={most}"));
        }
    }
    for limit in LIMITS {
        if limit.name != "database_connections" {
            words.push(format!("--limit={}={}", limit.name, limit.bounds.end()));
        }
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let server = home.serve(&words);
    assert_eq!(server.get("/health/ready").await.0, 200);
    let (status, _) = server.get("/graphql?query=%7B__typename%7D").await;
    assert_eq!(status, 200);
    let output = server.terminate().ok();
    assert_eq!(output.code, 0);
}

#[tokio::test]
async fn an_empty_variable_counts_as_absent() {
    let home = Home::sqlite();
    let mut serve = home.command(&["serve", "--port", "0"]);
    let mut seed = home.command(&["seed"]);
    for (_, arg) in arguments(&Cli::command(), &[]) {
        if let Some(name) = arg.get_env() {
            serve.env(name, "");
            seed.env(name, "");
        }
    }
    serve.env("RUST_LOG", "");
    assert!(seed.status().unwrap().success());
    let server = Server::wait(serve.spawn().unwrap());
    assert_eq!(server.get("/health/ready").await.0, 200);
    server.terminate().ok();
}

#[test]
fn a_wrong_variable_is_named() {
    let home = Home::sqlite();
    for (name, value, says) in [
        ("PORT", "eight", "--port"),
        ("DATABASE_WAIT", "-1", "--database-wait"),
        ("LOG_FORMAT", "xml", "--log-format"),
        ("METRICS_ADDRESS", "9090", "--metrics-address"),
        ("LIMITS", "cost=0", "--limit"),
        ("LIMITS", "depth=3,cots=5", "did you mean cost?"),
    ] {
        let refused = home.command(&["serve"]).env(name, value).output().unwrap();
        let text = String::from_utf8(refused.stderr).unwrap();
        assert_eq!(refused.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{text}");
        assert!(
            text.contains(&format!("environment variable {name}")),
            "{text}"
        );
    }
    let mut given = home.command(&["serve", "--port", "nine"]);
    let refused = given.env("PORT", "8000").output().unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert!(!text.contains("environment variable"), "{text}");
}

#[test]
fn an_address_that_is_none_names_its_variable_and_its_flag() {
    let home = Home::sqlite();
    let refused = home
        .command(&["serve", "--port", "0"])
        .env("HOST", "x86_64-conda-linux-gnu")
        .output()
        .unwrap();
    let text = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{text}");
    for part in ["x86_64-conda-linux-gnu", "HOST", "--host"] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

/// The arguments of all commands, each with the words that lead to its command.
fn arguments(command: &clap::Command, path: &[String]) -> Vec<(Vec<String>, Arg)> {
    let mut all: Vec<_> = command
        .get_arguments()
        .map(|arg| (path.to_vec(), arg.clone()))
        .collect();
    for command in command.get_subcommands() {
        let path = [path, &[command.get_name().to_owned()]].concat();
        all.extend(arguments(command, &path));
    }
    all
}

/// Parses the command line that sets this limit.
fn set(name: &str, value: impl std::fmt::Display) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["roster", "serve", "--limit", &format!("{name}={value}")])
}

fn is_number(arg: &Arg) -> bool {
    let parsed = arg.get_value_parser().type_id();
    [
        TypeId::of::<u8>(),
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<i32>(),
        TypeId::of::<i64>(),
        TypeId::of::<f64>(),
    ]
    .iter()
    .any(|number| parsed == *number)
        && arg.get_action().takes_values()
}

fn parse(path: &[String], arg: &Arg, value: &str) -> Result<(), clap::Error> {
    let mut words = [&["roster".to_owned()], path].concat();
    match arg.get_long() {
        Some(name) => words.push(format!("--{name}={value}")),
        None => words.extend(["--".to_owned(), value.to_owned()]),
    }
    Cli::try_parse_from(words).map(drop)
}
