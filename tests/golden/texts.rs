//! Texts as real programs record them: many scripts, quotes, markup, control characters, and empty ones.

pub const NAMES: [&str; 26] = [
    "search",
    "",
    " ",
    "a",
    "a very long tool name with many words that goes on and on until nobody can remember what it was called",
    "🚀🔥 deploy 👨‍👩‍👧‍👦 family",
    "بحث عن المنتجات",
    "חיפוש מוצרים ברשת",
    "商品検索・日本語ツール名",
    "도구 검색",
    "поиск товаров",
    "αναζήτηση προϊόντων",
    "สินค้าค้นหา",
    "उत्पाद खोज",
    "Straße nach Düsseldorf, naïve café",
    "<script>alert(1)</script>",
    "<b>bold</b> & \"quoted\" <img src=x onerror=alert(1)>",
    "name\nwith\r\nnewlines\tand tabs",
    "bell \u{7} escape \u{1b}[31mred\u{1b}[0m backspace \u{8}\u{8} delete \u{7f} nul \u{0} end",
    "\u{202e}reversed\u{202c} by an override",
    "zero\u{200b}width\u{feff}joiner\u{200d}",
    "zalgo ẑ̸̢͓a̷͔͝l̶̰̓g̷͉̓o̸̘͐",
    "GET /api/v1/organizations/{organization_id}/projects/{project_id}/deployments/{deployment_id}/logs",
    "status:failed \"quoted\" -env:dev *?[a-z]",
    "';DROP TABLE activity;--",
    "percent%20encoded?x=1&y=2#frag \\ back\\slash C:\\Users\\ann",
];

pub const PROJECTS: [&str; 7] = [
    "acme",
    "مشروع التسويق",
    "<i>italic</i>",
    "проект",
    "project with spaces",
    "日本プロジェクト",
    "o'brien & sons",
];

pub const AGENTS: [&str; 5] = [
    "claude",
    "codex",
    "gemini 🤖",
    "агент",
    "a-really-long-agent-name-that-somebody-thought-was-a-good-idea",
];

pub const ACTORS: [&str; 6] = [
    "ann@acme.example",
    "bob",
    "Zoë Müller",
    "أحمد",
    "山田 太郎",
    "'; --",
];

pub const BRANDS: [&str; 4] = ["netflix", "Amazon", "<b>brand</b>", "ブランド"];

pub const SESSIONS: [&str; 4] = [
    "s-1",
    "01J8ZQ4T9M6N2X7W5V3R1P0K8H",
    "session \"two\"",
    "会话",
];

/// Error types with their messages.
pub const FAILURES: [(&str, &str); 7] = [
    ("timeout", "the upstream did not answer within 30 s"),
    (
        "tool_error",
        "connection reset by peer (os error 104) while talking to upstream 192.0.2.17:5432 after 3 retries;\n\
         last response was HTTP 502 with body <html><body>Bad Gateway</body></html>",
    ),
    (
        "denied",
        "ошибка: доступ запрещён · 拒否されました · تم رفض الوصول",
    ),
    ("402", ""),
    (
        "panic",
        "called `Option::unwrap()` on a `None` value\n\tat \"tools/search.rs\":42",
    ),
    (
        "my_crate::Error<alloc::string::String>",
        "{\"code\":-32603,\"message\":\"💥 internal\"}",
    ),
    (
        "connect",
        "tcp connect error: Connection refused \u{1b}[1m(os error 111)\u{1b}[0m",
    ),
];

/// Types of events with their summaries.
pub const EVENTS: [(&str, &str); 9] = [
    ("deployment", "v3 is live 🎉"),
    ("GithubPush", "3 commits on main: \"fix\" & <b>more</b>"),
    ("endpoint_added", "POST /orders"),
    ("log", "WARN retrying in 2 s"),
    ("データ取込", "五千行を取り込みました"),
    ("user signed up", "المستخدم سجل الدخول"),
    ("payment", "Rechnung über 49,90 € bezahlt"),
    ("empty", ""),
    ("multi", "first line\nsecond line\r\n\tthird \u{0} line"),
];
