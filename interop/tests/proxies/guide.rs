//! The configurations printed in the guide.

const GUIDE: &str = include_str!("../../../docs/behind-a-proxy.md");

/// The block for a program at the root of its host.
pub(crate) fn nginx() -> String {
    let [block, _] = printed("nginx");
    block
}

/// The same with the guide's location for a prefix.
pub(crate) fn nginx_below_a_prefix() -> String {
    let [block, location] = printed("nginx");
    let begin = block.find("    location / {").unwrap();
    let end = begin + block[begin..].find("    }\n").unwrap() + "    }\n".len();
    format!("{}{location}{}", &block[..begin], &block[end..])
}

pub(crate) fn caddy() -> String {
    let [block, _] = printed("caddyfile");
    block
}

pub(crate) fn caddy_below_a_prefix() -> String {
    let [_, block] = printed("caddyfile");
    block
}

/// The text between the fences of this language.
fn printed<const N: usize>(language: &str) -> [String; N] {
    let fence = format!("```{language}\n");
    let blocks = GUIDE.split(&fence).skip(1);
    let blocks = blocks.map(|rest| rest.split("```\n").next().unwrap().to_owned());
    let blocks: Vec<_> = blocks.collect();
    blocks.try_into().unwrap()
}
