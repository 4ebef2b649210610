//! `alacarte`: the menu, compared, and used.

fn main() -> std::process::ExitCode {
    alacarte_cli::main(alacarte_cli::Menu::ours())
}
