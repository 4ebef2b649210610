//! A small C program with a generated header, built by rules for patterns of paths.
//!
//!     cargo run -p alacarte-frontends --example small_c -- -C DIRECTORY --explain
//!
//! The directory holds sources in `src/` and a file `VERSION`. What its rules do, and what a change of each file runs: `paper-notes/files.md`.

use std::process::ExitCode;

use alacarte::files::FileRules;

fn main() -> ExitCode {
    let rules = FileRules::new()
        .want(["out/program"])
        .rule("out/program", async |make| {
            let sources = make.glob("src/*.c").await?;
            let name = |source: &String| source.trim_start_matches("src/").trim_end_matches(".c").to_owned();
            let objects: Vec<String> = sources.iter().map(|source| format!("out/{}.o", name(source))).collect();
            make.need(&objects).await?;
            let mut link = vec![make.tool("cc").await?, "-o".into(), make.target().into()];
            link.extend(objects);
            make.command(link).shown("link").run().await
        })
        .rule("out/*.o", async |make| {
            let (source, depfile) = (format!("src/{}.c", make.part(0)), format!("{}.d", make.target()));
            make.need([&source, "out/version.h"]).await?;
            let cc = make.tool("cc").await?;
            let flags = make.env("CFLAGS").await?.unwrap_or_default();
            let arguments = ["-Iout", "-c", &source, "-o", make.target(), "-MMD", "-MF", &depfile];
            let arguments = std::iter::once(cc.as_str()).chain(flags.split_whitespace()).chain(arguments);
            let compile = make.command(arguments).depfile(&depfile).may_read("src");
            compile.shown(format!("compile {source}")).run().await
        })
        .rule("out/version.h", async |make| {
            let version = make.read("VERSION").await?;
            make.write(make.target(), format!("#define VERSION \"{}\"\n", version.trim()))
        });
    alacarte::files::main(rules)
}
