//! A site whose directories are values: pages and an interface, each made by its own rule, and merged into one directory.
//!
//!     cargo run -p alacarte-frontends --example site -- -C DIRECTORY --explain
//!
//! The directory holds what is taken as it is in `assets/`, and texts in `pages/`. `paper-notes/files.md` speaks of it.

use std::process::ExitCode;

use alacarte::files::FileRules;

fn main() -> ExitCode {
    let rules = FileRules::new()
        .want(["out/site/"])
        // One directory of several. What two of them hold under one name must be equal.
        .rule("out/site/", async |make| make.merge(make.target(), ["assets/", "out/pages/", "out/listing/"]).await)
        // A rule fills its directory, which is empty when it begins.
        .rule("out/pages/", async |make| {
            for page in make.glob("pages/*.txt").await? {
                let text = make.read(&page).await?;
                let name = page.trim_start_matches("pages/").trim_end_matches(".txt");
                make.write(format!("out/pages/{name}.html"), format!("<p>{}</p>\n", text.trim()))?;
            }
            Ok(())
        })
        // A directory of sources is needed with all that lies in it.
        .rule("out/listing/", async |make| {
            make.need(["assets/"]).await?;
            let listing = make.command(["sh", "-c", "cd assets && find . -type f | sort"]).capture().await?;
            make.write("out/listing/assets.txt", listing + "\n")
        });
    alacarte::files::main(rules)
}
