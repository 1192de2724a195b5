//! Keys, help, completions, the man page, and the examples of the README.

use super::*;

#[test]
fn a_new_key_is_one_that_the_safe_preset_takes_and_no_two_are_alike() {
    let keys = [(), ()].map(|()| housekey(["key", "new"]).done().exits(0).out);
    assert_ne!(keys[0], keys[1]);
    for key in keys {
        let key = key.strip_suffix('\n').unwrap();
        assert_eq!(key.len(), 64);
        assert!(key.bytes().all(|byte| byte.is_ascii_hexdigit()));
        assert!(SecretKeys::new(key).is_ok());
    }
}

#[test]
fn help_and_version_are_answers_and_a_missing_command_is_not() {
    for arguments in [
        &["--help"][..],
        &["-h"],
        &["help", "logins", "end-all"],
        &["cookie", "read", "--help"],
    ] {
        let done = housekey(arguments).done().exits(0);
        assert_eq!(done.says("Usage: housekey").err, "");
    }
    let version = concat!("housekey ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(housekey(["--version"]).done().exits(0).out, version);
    // An address in the environment is private.
    let run = housekey(["logins", "--help"]).env("HOUSEKEY_LOGIN_STORE", "redis://:hunter2@h");
    let _ = run
        .done()
        .exits(0)
        .says("HOUSEKEY_LOGIN_STORE")
        .hides("hunter2");
}

#[test]
fn completions_and_the_man_page_know_every_command() {
    let names = [
        "cookie",
        "read",
        "logins",
        "end-all",
        "purge",
        "--fallback-key-file",
    ];
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = housekey(["completions", shell]).raw();
        for name in names {
            assert!(
                script.contains(name.trim_start_matches('-')),
                "{name} in {shell}"
            );
        }
    }
    let page = housekey(["man"]).done().exits(0).out;
    assert!(page.starts_with(".ie") && page.contains(".TH housekey 1"));
    for name in names {
        let name = name.replace('-', "\\-");
        assert!(page.contains(&name), "{name} is not in the man page");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_goes_away_is_not_a_failure() {
    let housekey = env!("CARGO_BIN_EXE_housekey");
    let script = format!(
        "set -o pipefail; '{housekey}' man | true; '{housekey}' completions bash | head -1"
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
}

#[cfg(target_os = "linux")]
#[test]
fn what_nobody_can_write_is_a_failure() {
    let housekey = env!("CARGO_BIN_EXE_housekey");
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = Command::new(housekey)
        .arg("man")
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

/// Runs each `$ command` of the README, and compares the text below it. `…` stands for parts that differ each time.
#[cfg(unix)]
#[test]
fn the_readme_shows_what_happens() {
    let folder = tempfile::tempdir().unwrap();
    let store = sqlite(&folder.path().join("logins.db"));
    let manager = site(Preset::Safe, &clock(60))
        .login_store(store)
        .build()
        .unwrap();
    let mut browser = browser_of(&manager, "7");
    browser_of(&manager, "7");
    let cookies = format!("Cookie: {}\n", browser.cookies());
    std::fs::write(folder.path().join("cookies.txt"), cookies).unwrap();
    let id = browser.jar().value("__Host-session").map(|_| ());
    assert!(id.is_some());
    let logins = block_on(manager.logins_of("7")).unwrap();
    let bin = Path::new(env!("CARGO_BIN_EXE_housekey")).parent().unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());

    let readme = include_str!("../../README.md");
    let mut ran = 0;
    for block in readme.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for example in block.split("$ ").skip(1) {
            let (command, expected) = example.split_once('\n').unwrap();
            let command = command.replace("AAECAwQFBgcICQoLDA0ODw", &logins[0].id.to_string());
            let output = Command::new("sh")
                .args(["-c", &command])
                .current_dir(&folder)
                .env_clear()
                .env("PATH", &path)
                .env("SECRET_KEY", KEY)
                .env("HOUSEKEY_LOGIN_STORE", "sqlite:logins.db")
                .output()
                .unwrap();
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8(said).unwrap();
            assert!(
                is_like(&said, expected),
                "$ {command}\n{said}\nand not\n{expected}"
            );
            ran += 1;
        }
    }
    assert!(ran > 5, "{ran}");
}

fn is_like(said: &str, expected: &str) -> bool {
    let lines = |text: &str| {
        text.trim_end()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (said, expected) = (lines(said), lines(expected));
    said.len() == expected.len()
        && said.iter().zip(&expected).all(|(said, expected)| {
            let mut parts = expected.split('…');
            let Some(mut rest) = said.strip_prefix(parts.next().unwrap_or_default()) else {
                return false;
            };
            let mut open = false;
            for part in parts {
                let Some(at) = rest.find(part) else {
                    return false;
                };
                rest = &rest[at + part.len()..];
                open = part.is_empty();
            }
            rest.is_empty() || open
        })
}

impl Run {
    /// The output for a machine, where any part may differ.
    #[track_caller]
    fn raw(mut self) -> String {
        let output = self.command.output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    }
}
