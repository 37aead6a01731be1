//! Every limit is a setting.

use clap::CommandFactory;
use server::config::{Cli, LIMITS};

#[test]
fn every_command_with_limits_has_one_option_and_one_variable_for_all() {
    let cli = Cli::command();
    for command in ["serve", "demo", "migrate", "seed", "check-documents"] {
        let command = cli.find_subcommand(command).unwrap();
        let mut options = command
            .get_arguments()
            .filter(|argument| argument.get_long() == Some("limit"));
        let option = options.next().unwrap();
        assert_eq!(option.get_env().unwrap(), "LIMITS");
        assert!(options.next().is_none());
    }
    assert!(LIMITS.len() >= 45, "{}", LIMITS.len());
}
