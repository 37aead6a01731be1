//! Every limit is a setting.

use clap::CommandFactory;
use server::config::Cli;

#[test]
fn every_limit_is_a_flag_and_a_variable_with_a_default() {
    let cli = Cli::command();
    for command in ["serve", "demo"] {
        let command = cli.find_subcommand(command).unwrap();
        let limits: Vec<_> = command
            .get_arguments()
            .filter(|argument| {
                let heading = argument.get_help_heading();
                matches!(heading, Some("Limits" | "Deadlines of the database"))
            })
            .collect();
        assert!(limits.len() >= 45, "{}", limits.len());
        for limit in limits {
            let id = limit.get_id();
            let flag = limit.get_long().unwrap_or_else(|| panic!("{id}: no flag"));
            let variable = limit
                .get_env()
                .unwrap_or_else(|| panic!("{id}: no variable"));
            assert_eq!(
                variable.to_str().unwrap(),
                flag.replace('-', "_").to_uppercase()
            );
            assert_eq!(limit.get_default_values().len(), 1, "{id}");
        }
    }
}
