//! `alacarte-ninja`: in ninja's place.

fn main() -> std::process::ExitCode {
    alacarte_cli::main_as_ninja(&alacarte_cli::Menu::ours())
}
