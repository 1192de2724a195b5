//! User agents in words that a person understands. They are the client's own claim, and browsers copy from each other:
//! those that give no name of their own (Brave, for instance) are the Chrome that they say they are.

/// `Firefox on Windows`, `a program called curl`, `an unknown browser`: as it stands in the middle of a sentence.
pub(crate) fn describe(user_agent: Option<&str>) -> String {
    let text = user_agent.unwrap_or_default().trim();
    if text.is_empty() {
        return "an unknown browser".to_owned();
    }
    if let Some(name) = program(text) {
        return format!("a program called {name}");
    }
    match (browser(text), platform(text)) {
        // Since 2019 Safari on an iPad says that it is on a Mac.
        (Some("Safari"), Some("Mac")) => "Safari on Mac or iPad".to_owned(),
        // GNOME Web and others call themselves Safari, whose engine they have.
        (Some("Safari"), Some(platform @ ("Android" | "BSD" | "ChromeOS" | "Linux"))) => {
            format!("a WebKit browser on {platform}")
        }
        (Some(browser), Some(platform)) => format!("{browser} on {platform}"),
        (Some(browser), None) => browser.to_owned(),
        (None, Some(platform)) if is_in_app(text) => format!("an app on {platform}"),
        (None, Some(platform)) => format!("an unknown browser on {platform}"),
        (None, None) => "an unknown browser".to_owned(),
    }
}

/// The same as a heading.
pub(crate) fn heading(user_agent: Option<&str>) -> String {
    let words = describe(user_agent);
    let mut characters = words.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}

/// What calls itself a program. A browser begins with `Mozilla/5.0`; what crawls the web says so after `compatible;`.
fn program(text: &str) -> Option<&str> {
    let (_, robot) = text.split_once("compatible; ").unwrap_or_default();
    let name = if text.starts_with("Mozilla/") || text.starts_with("Opera/") {
        robot
    } else {
        text
    };
    let name = name.split(['/', ' ', ';', ')']).next().unwrap_or_default();
    let is_name = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    (is_name && name != "MSIE").then_some(name)
}

/// In this order: nearly everybody also says `Chrome` or `Safari`.
fn browser(text: &str) -> Option<&'static str> {
    const NAMES: [(&str, &[&str]); 9] = [
        ("Edge", &["Edg", "EdgA", "EdgiOS", "Edge"]),
        ("Opera", &["OPR", "OPT", "OPX", "OPiOS", "Opera"]),
        ("Samsung Internet", &["SamsungBrowser"]),
        ("Vivaldi", &["Vivaldi"]),
        ("Yandex Browser", &["YaBrowser"]),
        ("DuckDuckGo", &["DuckDuckGo", "Ddg"]),
        ("Firefox", &["Firefox", "FxiOS"]),
        ("Chrome", &["Chrome", "CriOS", "Chromium", "HeadlessChrome"]),
        ("Safari", &["Safari"]),
    ];
    if is_in_app(text) {
        return None;
    }
    let named = NAMES
        .iter()
        .find(|(_, products)| products.iter().any(|product| names(text, product)));
    named.map(|(name, _)| *name)
}

/// A page that an app shows inside itself. On iPhones and iPads it names no browser at all.
fn is_in_app(text: &str) -> bool {
    let apple = text.contains("like Mac OS X") && !names(text, "Safari");
    apple || text.contains("; wv)")
}

fn platform(text: &str) -> Option<&'static str> {
    // On iPads these ask for desktop sites, and say that they are on a Mac, where they have other names.
    let asks_for_desktop = ["CriOS", "FxiOS", "EdgiOS", "OPT"]
        .iter()
        .any(|product| names(text, product));
    [
        ("iPhone", "iPhone"),
        ("iPod", "iPod"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("CrOS", "ChromeOS"),
        ("Windows", "Windows"),
        ("Macintosh", if asks_for_desktop { "iPad" } else { "Mac" }),
        ("Linux", "Linux"),
        ("BSD", "BSD"),
    ]
    .into_iter()
    .find(|(mark, _)| text.contains(mark))
    .map(|(_, name)| name)
}

/// Whether a product of exactly this name is in it: `Edg/126.0.0.0`, and not as a part of another name.
fn names(text: &str, product: &str) -> bool {
    text.split([' ', '(', ')', ';'])
        .filter_map(|word| word.split_once('/'))
        .any(|(name, _)| name == product)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_named_as_people_know_them() {
        for (user_agent, words) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
                "Firefox on Linux",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:127.0) Gecko/20100101 Firefox/127.0",
                "Firefox on Mac",
            ),
            (
                "Mozilla/5.0 (Android 14; Mobile; rv:126.0) Gecko/126.0 Firefox/126.0",
                "Firefox on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 FxiOS/127.0 Mobile/15E148 Safari/605.1.15",
                "Firefox on iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
                 Safari/537.36",
                "Chrome on Windows",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/131.0.0.0 Safari/537.36",
                "Chrome on Mac",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.0.0 Mobile \
                 Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 CriOS/124.0.6367.88 Mobile/15E148 Safari/604.1",
                "Chrome on iPhone",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_4) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 CriOS/124.0.6367.88 Version/11.1.1 Safari/605.1.15",
                "Chrome on iPad",
            ),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
                 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 \
                 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.5 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (iPad; CPU OS 16_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 \
                 Mobile/15E148 Safari/604.1",
                "Safari on iPad",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.4.1 Safari/605.1.15",
                "Safari on Mac or iPad",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
                "a WebKit browser on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 \
                 Safari/537.36 Edg/126.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/125.0.6422.165 \
                 Mobile Safari/537.36 EdgA/124.0.2478.64",
                "Edge on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.0 EdgiOS/124.2478.71 Mobile/15E148 Safari/605.1.15",
                "Edge on iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 \
                 Safari/537.36 OPR/110.0.0.0",
                "Opera on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/17.3 Mobile/15E148 Safari/604.1 OPT/4.6.1",
                "Opera on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) \
                 SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 \
                 Vivaldi/6.5.3206.48",
                "Vivaldi on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
                "an unknown browser on Windows",
            ),
        ] {
            assert_eq!(describe(Some(user_agent)), words, "{user_agent}");
        }
    }

    #[test]
    fn apps_are_not_taken_for_the_browser_inside_them() {
        for (user_agent, words) in [
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A.240405.002; wv) AppleWebKit/537.36 (KHTML, like \
                 Gecko) Version/4.0 Chrome/123.0.6312.118 Mobile Safari/537.36",
                "an app on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Mobile/15E148",
                "an app on iPhone",
            ),
        ] {
            assert_eq!(describe(Some(user_agent)), words, "{user_agent}");
        }
    }

    #[test]
    fn programs_are_called_by_their_names() {
        for (user_agent, words) in [
            ("curl/8.5.0", "a program called curl"),
            ("Wget/1.21.4", "a program called Wget"),
            ("python-requests/2.32.3", "a program called python-requests"),
            ("okhttp/4.12.0", "a program called okhttp"),
            ("PostmanRuntime/7.39.0", "a program called PostmanRuntime"),
            (
                "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "a program called Googlebot",
            ),
            (
                "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) \
                 Chrome/125.0.6422.154 Mobile Safari/537.36 (compatible; Googlebot/2.1; \
                 +http://www.google.com/bot.html)",
                "a program called Googlebot",
            ),
            (
                "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; \
                 +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
                "a program called bingbot",
            ),
        ] {
            assert_eq!(describe(Some(user_agent)), words, "{user_agent}");
        }
    }

    #[test]
    fn what_says_nothing_sensible_is_an_unknown_browser() {
        for user_agent in [
            None,
            Some(""),
            Some("   "),
            Some("<script>alert(1)</script>"),
            Some("/"),
            Some("日本語/1.0"),
            Some("Mozilla/5.0"),
            Some("Mozilla/5.0 (compatible; )"),
            Some("x".repeat(256).as_str()),
        ] {
            assert_eq!(describe(user_agent), "an unknown browser", "{user_agent:?}");
        }
    }

    #[test]
    fn a_heading_begins_with_a_capital_letter() {
        assert_eq!(heading(Some("curl/8.5.0")), "A program called curl");
        assert_eq!(heading(None), "An unknown browser");
    }
}
