//! A proxy from Debian's packages, with one of the guide's configurations.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::HOST;
use crate::browser::Browser;

/// More than a busy machine takes.
const STARTS_WITHIN: Duration = Duration::from_secs(30);

/// A running proxy. Dropping this ends it.
pub(crate) struct Proxy {
    process: Child,
    folder: TempDir,
    pub(crate) http: u16,
    pub(crate) https: u16,
    /// The authority that signed its certificate.
    pub(crate) authority: PathBuf,
}

impl Proxy {
    pub(crate) fn nginx(block: &str, program: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [http, https] = free_ports();
        let at = |name: &str| folder.path().join(name);
        make_certificate(folder.path());
        let file = |name: &str| at(name).display().to_string();
        let block = replaced(
            block,
            &[
                ("listen 80;", &format!("listen 127.0.0.1:{http};")),
                ("listen 443 ssl", &format!("listen 127.0.0.1:{https} ssl")),
                (
                    "/etc/letsencrypt/live/app.example.com/fullchain.pem",
                    &file("certificate.pem"),
                ),
                (
                    "/etc/letsencrypt/live/app.example.com/privkey.pem",
                    &file("key.pem"),
                ),
                ("127.0.0.1:3000", &format!("127.0.0.1:{program}")),
            ],
        );
        // As Debian's nginx.conf includes it, in one process that ends with the test, and with nothing outside of the
        // folder.
        let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths = paths.map(|kind| format!("{kind}_temp_path {};\n", file(kind)));
        let configuration = format!(
            "daemon off;\nmaster_process off;\npid {};\nevents {{}}\nhttp {{\naccess_log off;\n{}{block}}}\n",
            file("pid"),
            paths.concat()
        );
        fs::write(at("nginx.conf"), configuration).unwrap();
        let mut command = command("nginx", "nginx");
        command.args(["-p", ".", "-e", "stderr", "-c"]);
        command.arg(at("nginx.conf"));
        let authority = at("certificate.pem");
        Self::start(command, folder, [http, https], authority)
    }

    pub(crate) fn caddy(block: &str, program: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [http, https] = free_ports();
        let at = |name: &str| folder.path().join(name);
        let block = replaced(
            block,
            &[("127.0.0.1:3000", &format!("127.0.0.1:{program}"))],
        );
        let options = format!(
            "{{\n\tadmin off\n\thttp_port {http}\n\thttps_port {https}\n\tdefault_bind 127.0.0.1\n\tlocal_certs\n\
             \tskip_install_trust\n\tstorage file_system {}\n}}\n",
            at("storage").display()
        );
        fs::write(at("Caddyfile"), format!("{options}{block}")).unwrap();
        let mut command = command("caddy", "caddy");
        command.args(["run", "--adapter", "caddyfile", "--config"]);
        command.arg(at("Caddyfile"));
        // It writes its last configuration there.
        command.env("HOME", folder.path());
        command.env("XDG_CONFIG_HOME", folder.path());
        let authority = at("storage/pki/authorities/local/root.crt");
        Self::start(command, folder, [http, https], authority)
    }

    fn start(
        mut command: Command,
        folder: TempDir,
        [http, https]: [u16; 2],
        authority: PathBuf,
    ) -> Self {
        let log = fs::File::create(folder.path().join("log")).unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut proxy = Self {
            process: command.current_dir(folder.path()).spawn().unwrap(),
            folder,
            http,
            https,
            authority,
        };
        let began = Instant::now();
        while !proxy.is_ready() {
            let ended = proxy.process.try_wait().unwrap();
            let log = proxy.log();
            assert!(ended.is_none(), "{command:?} ended: {ended:?}\n{log}");
            let is_late = began.elapsed() > STARTS_WITHIN;
            assert!(!is_late, "{command:?} has not started\n{log}");
            thread::sleep(Duration::from_millis(20));
        }
        proxy
    }

    fn is_ready(&self) -> bool {
        let answers = TcpStream::connect((Ipv4Addr::LOCALHOST, self.http)).is_ok();
        answers && self.authority.exists() && Browser::of(self).is_greeted()
    }

    /// Host and port, as in a browser's address bar.
    pub(crate) fn called(&self) -> String {
        format!("{HOST}:{}", self.https)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("the proxy's log:\n{}", self.log());
        }
    }
}

/// The text with each of these replaced. Each occurs once in it.
fn replaced(text: &str, pairs: &[(&str, &str)]) -> String {
    pairs.iter().fold(text.to_owned(), |text, (old, new)| {
        assert_eq!(text.matches(old).count(), 1, "{old} in the guide:\n{text}");
        text.replace(old, new)
    })
}

/// A program from Debian, which has some of them only in root's PATH.
fn command(program: &str, package: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders
        .map(|folder| folder.join(program))
        .find(|path| path.is_file());
    Command::new(found.unwrap_or_else(|| {
        panic!("{program} is missing. Install it (on Debian: apt-get install {package}).")
    }))
}

fn make_certificate(folder: &Path) {
    let mut openssl = command("openssl", "openssl");
    let subject = format!("/CN={HOST}");
    let name = format!("subjectAltName=DNS:{HOST}");
    openssl.args([
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
    ]);
    openssl.args(["-nodes", "-days", "2", "-subj", &subject, "-addext", &name]);
    openssl.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
    openssl.args(["-keyout", "key.pem", "-out", "certificate.pem"]);
    let made = openssl.current_dir(folder).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}

/// Two free ports. Both are held at once, so that they differ.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}
