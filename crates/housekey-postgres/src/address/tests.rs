use super::*;

fn read(url: &str) -> Address {
    Address::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"))
}

#[test]
fn a_url_names_the_server_as_messages_do() {
    for (url, name) in [
        (
            "postgres://mia:pw@db/members",
            "database members of PostgreSQL at db:5432",
        ),
        (
            "postgresql://mia@db:1234",
            "database mia of PostgreSQL at db:1234",
        ),
        ("postgres://db", "PostgreSQL at db:5432"),
        (
            "postgres://one:1,two,[::1]:3/members",
            "database members of PostgreSQL at one:1, two:5432, ::1:3",
        ),
        (
            "postgres:///members?host=/var/run/postgresql",
            "database members of PostgreSQL at /var/run/postgresql",
        ),
        (
            "postgres://mia@%2Fvar%2Frun%2Fpostgresql:5433/members",
            "database members of PostgreSQL at /var/run/postgresql",
        ),
        (
            "postgres://mia@db/members?port=7&dbname=staff",
            "database staff of PostgreSQL at db:7",
        ),
        (
            "postgres:///members?hostaddr=127.0.0.1",
            "database members of PostgreSQL at 127.0.0.1:5432",
        ),
    ] {
        assert_eq!(read(url).server_name(), name, "{url}");
    }
}

#[test]
fn user_password_and_settings_are_read_with_their_escapes() {
    let url = "postgres://m%40ia:p%3Aw%27%5C@db/members?options=-csearch_path%3Dapp&options[work_mem]=1MB\
        &application_name=it%27s&connect_timeout=3";
    let config = read(url).config;
    assert_eq!(config.get_user(), Some("m@ia"));
    assert_eq!(config.get_password(), Some(&b"p:w'\\"[..]));
    assert_eq!(
        config.get_options(),
        Some("-csearch_path=app -c work_mem=1MB")
    );
    assert_eq!(config.get_application_name(), Some("it's"));
    assert_eq!(config.get_connect_timeout(), Some(&Duration::from_secs(3)));
}

#[test]
fn a_standby_answers_only_where_the_url_says_so() {
    for (option, takes_standby, attributes) in [
        ("", false, TargetSessionAttrs::ReadWrite),
        (
            "?target_session_attrs=read-write",
            false,
            TargetSessionAttrs::ReadWrite,
        ),
        (
            "?target_session_attrs=primary",
            false,
            TargetSessionAttrs::ReadWrite,
        ),
        ("?target_session_attrs=any", true, TargetSessionAttrs::Any),
    ] {
        let address = read(&format!("postgres://db/members{option}"));
        assert_eq!(address.takes_standby, takes_standby, "{option}");
        assert_eq!(
            address.config.get_target_session_attrs(),
            attributes,
            "{option}"
        );
    }
}

#[test]
fn what_sqlx_says_of_its_pool_is_read() {
    use sqlx::ConnectOptions as _;
    let options: sqlx::postgres::PgConnectOptions =
        "postgres://mia:p%2Fw@db:7/members?sslmode=disable&statement-cache-capacity=0"
            .parse()
            .unwrap();
    let address = read(options.to_url_lossy().as_str());
    assert_eq!(address.config.get_password(), Some(&b"p/w"[..]));
    assert_eq!(address.config.get_ssl_mode(), SslMode::Disable);
    assert!(!address.keeps_statements);
    let socket = options.socket("/var/run/postgresql").to_url_lossy();
    assert!(
        read(socket.as_str())
            .server_name()
            .ends_with("at /var/run/postgresql")
    );
}

#[test]
fn the_next_host_has_its_turn_before_the_time_is_over() {
    let limit = Duration::from_secs(6);
    for (url, share) in [
        ("postgres://one/members", 3),
        ("postgres://one,two/members", 2),
        ("postgres://one/members?connect_timeout=1", 1),
        ("postgres://one/members?connect_timeout=60", 3),
    ] {
        let config = read(url).config_within(limit);
        assert_eq!(
            config.get_connect_timeout(),
            Some(&Duration::from_secs(share)),
            "{url}"
        );
    }
}
