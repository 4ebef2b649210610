use super::*;

#[test]
fn the_last_option_counts_in_either_spelling() {
    let option = |flags: &str| option(flags.as_bytes()).map(|option| String::from_utf8_lossy(option).into_owned());
    assert_eq!(option(""), None);
    let last = |flags: &str, wanted: &str| assert_eq!(option(flags).as_deref(), Some(wanted));
    last("kw -j4 --jobserver-auth=3,4 -- CFLAGS=--jobserver-auth=5,6", "--jobserver-auth=3,4");
    last("--jobserver-auth=3,4 --jobserver-fds=5,6", "--jobserver-fds=5,6");
    last(" -j --jobserver-auth=fifo:/tmp/x", "--jobserver-auth=fifo:/tmp/x");
    last(" -j --jobserver-fds=3,4 --jobserver-auth=3,4 -- --jobserver-auth=fifo:/tmp/x", "--jobserver-auth=3,4");
}

#[test]
fn a_number_of_jobs_without_a_jobserver_counts_too() {
    for (flags, jobs) in
        [("", None), (" -j1", Some(1)), ("k -j3 -j2 -- A=-j5", Some(2)), ("-j -j0", None), ("j4", None)]
    {
        assert_eq!(said(flags.as_bytes()), jobs, "{flags}");
    }
}

#[test]
fn another_jobserver_takes_the_place_of_one_before_variables() {
    let with = |flags: &str, name: Option<&str>| {
        let flags = with_jobserver(flags.as_bytes(), 2, (8, 9), name.map(str::as_bytes));
        String::from_utf8(flags).expect("text")
    };
    let ours = "-j2 --jobserver-fds=8,9 --jobserver-auth=8,9";
    let behind = |name: &str| {
        format!("ALACARTE-A--jobserver-auth=8,9 --jobserver-auth=fifo:{name} ALACARTE-B--jobserver-auth=8,9")
    };
    assert_eq!(with("", None), format!(" {ours}"));
    assert_eq!(with("", Some("/f")), format!(" {ours} -- {}", behind("/f")));
    assert_eq!(
        with("kw -j4 -l3 --jobserver-auth=3,4 -- A=-j5 B=a\\  b", Some("/f")),
        format!("kw -l3 {ours} -- A=-j5 B=a\\  b {}", behind("/f"))
    );
    let nested = with(&with("", Some("/f")), Some("/g"));
    assert_eq!(nested, format!(" {ours} -- {}", behind("/g")));
}

/// Each make hands the variables on in reverse. Whichever order they have, cargo finds the descriptors and ninja the name.
#[test]
fn beneath_any_number_of_makes_each_tool_finds_its_own_jobserver() {
    let flags = with_jobserver(b"", 2, (8, 9), Some(b"/f"));
    let flags = String::from_utf8(flags).expect("text");
    let (options, variables) = flags.split_once(" -- ").expect("variables");
    let mut words: Vec<&str> = variables.split(' ').collect();
    for makes in 0..3 {
        let flags = format!("{options} -- {}", words.join(" "));
        let cargo = flags.rsplit_once("--jobserver-auth=").expect("it is there").1;
        let ninja = flags.split(' ').filter_map(|word| word.strip_prefix("--jobserver-auth=")).next_back();
        assert_eq!((cargo, ninja), ("8,9", Some("fifo:/f")), "{makes}");
        #[cfg(feature = "confined")]
        assert_eq!(crate::commands::makeflags::pipe_named(flags.as_ref()), Some(PathBuf::from("/f")), "{makes}");
        words.reverse();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
}

fn pipe(server: &Jobserver) -> u64 {
    rustix::io::ioctl_fionread(&server.read).expect("a pipe")
}

#[test]
fn there_are_as_many_tokens_as_jobs_and_each_comes_back() {
    let server = Jobserver::serve(3).expect("a pipe");
    block_on(async {
        for _ in 0..100 {
            let tokens = [server.acquire().await, server.acquire().await, server.acquire().await];
            assert!(tokens.iter().all(Result::is_ok) && server.try_acquire().expect("read").is_none());
        }
    });
    assert_eq!(server.settle(), None);
}

#[test]
fn who_waits_has_whichever_token_is_given_back() {
    let server = Jobserver::serve(2).expect("a pipe");
    block_on(async {
        for first in [true, false] {
            let mut held = vec![server.acquire().await.expect("one"), server.acquire().await.expect("the other")];
            let given = held.remove(usize::from(!first));
            let (waited, ()) = tokio::join!(server.acquire(), async { drop(given) });
            waited.expect("a token");
        }
    });
    assert_eq!(server.settle(), None);
}

/// The law `no-idle-token` of the laboratory: what others could use does not stay here.
#[test]
fn the_token_that_others_can_use_goes_back_whichever_job_ends_first() {
    let server = Jobserver::serve(2).expect("a pipe");
    block_on(async {
        let (first, second) = (server.acquire().await.expect("one"), server.acquire().await.expect("the other"));
        assert_eq!(pipe(&server), 0);
        drop(first);
        assert_eq!(pipe(&server), 1, "it is used by one job, and has the token of one");
        drop(second);
        assert_eq!(pipe(&server), 1);
    });
}

#[test]
fn what_a_killed_command_took_is_made_anew() {
    let server = Jobserver::serve(4).expect("a pipe");
    assert_eq!((&server.read).read(&mut [0; 2]).expect("read"), 2);
    assert_eq!(server.settle(), Some(Unsettled { found: 1, made: 3 }));
    assert_eq!(server.settle(), None);
    (&server.write).write_all(b"++").expect("written");
    assert_eq!(server.settle(), Some(Unsettled { found: 5, made: 3 }));
    assert_eq!((server.settle(), pipe(&server)), (None, 3));
    // What this process has is not missing.
    let tokens = [(); 3].map(|()| server.try_acquire().expect("read").expect("a token"));
    assert_eq!(server.settle(), None);
    drop(tokens);
    assert_eq!((server.settle(), pipe(&server)), (None, 3));
}

#[test]
fn a_token_that_is_given_is_taken_again() {
    let server = Jobserver::serve(1).expect("a pipe");
    block_on(async {
        let given = server.give_back().expect("it is free");
        assert_eq!(pipe(&server), 1);
        given.take_again().await.expect("a token");
        assert_eq!(pipe(&server), 0);
        let token = server.acquire().await.expect("the implicit one");
        assert!(server.give_back().is_none(), "it does something");
        drop(token);
        // A process that gives up has it again, if it is there.
        drop(server.give_back().expect("it is free"));
        assert_eq!((pipe(&server), server.try_acquire().expect("read").is_some()), (0, true));
    });
}

/// A server that a person looks at, or a process that has joined this pipe and is shown by the build that reads what it owes.
fn shown(jobs: usize) -> (Arc<Jobserver>, Arc<Jobserver>, io::PipeReader) {
    let mut server = Jobserver::served(jobs).expect("a pipe");
    server.shown = Shown::Itself;
    let ends = (server.read.try_clone().expect("open"), server.write.try_clone().expect("open"));
    let (says, owes) = io::pipe().expect("a pipe");
    let mut joined = Jobserver::new(ends, None);
    joined.shown = Shown::By(File::from(OwnedFd::from(owes)));
    (Arc::new(server), Arc::new(joined), says)
}

/// What is not made up would be waited for for ever.
async fn made_up(jobserver: &Arc<Jobserver>, shows: bool) -> Token {
    let made_up = timeout(BACK_OFF * 1_000, jobserver.acquire_or_make_up(shows)).await;
    made_up.expect("nothing is made up").expect("the pipe can be read")
}

#[test]
fn a_job_that_is_shown_has_one_token_more_and_it_is_gone_when_any_job_ends() {
    for first in [true, false] {
        let (server, ..) = shown(1);
        block_on(async {
            let long = server.acquire().await.expect("the only one");
            let made_up = made_up(&server, true).await;
            assert!(server.make_up(true).is_none(), "one at most");
            let [ends, goes_on] = if first { [made_up, long] } else { [long, made_up] };
            drop(ends);
            assert!(server.try_acquire().expect("read").is_none(), "{first}: there is one job, and one token");
            assert_eq!((pipe(&server), server.is_off()), (0, false), "{first}");
            drop(goes_on);
        });
        assert_eq!((pipe(&server), server.settle()), (0, None), "{first}");
        assert!(server.try_acquire().expect("read").is_some(), "{first}: its own is there");
    }
}

#[test]
fn who_is_not_shown_makes_nothing_up() {
    let server = Jobserver::serve(1).expect("a pipe");
    block_on(async {
        let only = server.acquire().await.expect("the only one");
        let waited = timeout(BACK_OFF * 10, server.acquire_or_make_up(true)).await;
        assert!(waited.is_err() && server.held().owed == 0);
        drop(only);
    });
    // A job that is not shown itself waits, if another one runs.
    let (server, ..) = shown(1);
    let _only = server.try_acquire().expect("read").expect("the only one");
    assert!(server.make_up(false).is_none());
}

/// A process that is shown and gave its token away ends without waiting for another: the build that shows it pays.
#[test]
fn what_a_process_owes_when_it_ends_its_parent_does_not_make_anew() {
    // (With and without another job of the parent, by which its own token may be used then.)
    for another in [false, true] {
        let (server, joined, says) = shown(1);
        block_on(async {
            let command = server.acquire().await.expect("for the process that joins");
            joined.give_back().expect("it does nothing").take_again().await.expect("it need not");
            assert_eq!(pipe(&server), 1, "{another}: it is not taken yet");
            let others = server.acquire().await.expect("what was given");
            let made_up = made_up(&joined, false).await;
            assert!(joined.make_up(true).is_none(), "one at most");
            drop(made_up);
            let mut others = Some(others);
            if !another {
                // Somebody else has it, who is no job of the parent.
                drop(others.take());
                assert_eq!((&server.read).read(&mut [0]).expect("read"), 1);
            }
            joined.leave();
            let owed = rustix::io::ioctl_fionread(&says).expect("a pipe");
            assert_eq!(owed, 1, "{another}");
            server.owe(owed as usize);
            drop(command);
            assert!(server.try_acquire().expect("read").is_none(), "{another}: the only token is used");
            if !another {
                server.put_back(TOKEN);
            }
            drop(others);
        });
        assert_eq!(server.settle(), None, "{another}: as many as were made");
        block_on(async {
            let token = server.acquire().await.expect("it is there again");
            assert!(server.try_acquire().expect("read").is_none(), "{another}: and no other");
            drop(token);
        });
        assert_eq!((server.settle(), pipe(&server)), (None, 0), "{another}: it is the server's own again");
    }
}

#[test]
fn a_process_that_can_have_a_token_when_it_ends_owes_none() {
    let (server, joined, says) = shown(1);
    let command = server.try_acquire().expect("read").expect("for the process that joins");
    drop(joined.give_back().expect("it does nothing"));
    joined.leave();
    assert_eq!((rustix::io::ioctl_fionread(&says).expect("a pipe"), pipe(&server)), (0, 0));
    drop(command);
    assert_eq!((server.settle(), server.try_acquire().expect("read").is_some()), (None, true));
}

#[test]
fn a_pipe_has_a_name_as_long_as_it_is_served() {
    let server = Jobserver::serve(2).expect("a pipe");
    let (_, path) = server.served.as_ref().and_then(|served| served.named.as_ref()).expect("a name");
    let path = path.clone();
    assert!(std::fs::metadata(&path).expect("it is there").file_type().is_fifo());
    drop(server);
    assert!(!path.exists() && !path.parent().expect("a directory").exists());
}
