//! The configurations of reverse proxies in `docs/dashboard.md`: the dashboard works behind them, under their prefix.
#![cfg(target_os = "linux")]

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
};

use super::{
    blocks, root,
    session::{Session, free_port},
};

const SECRET: &str = "correct-horse-battery-staple";

#[test]
fn the_dashboard_works_behind_nginx() {
    let configuration = |session: &Session, block: &str, port: &str| {
        let folder = session.write("nginx.log", "").with_file_name("");
        let folder = folder.display();
        format!(
            "daemon off; pid {folder}nginx.pid; error_log {folder}nginx.log;\nevents {{}}\nhttp {{\n\
             access_log off; client_body_temp_path {folder}body; proxy_temp_path {folder}proxy;\n\
             fastcgi_temp_path {folder}fastcgi; uwsgi_temp_path {folder}uwsgi; scgi_temp_path {folder}scgi;\n\
             server {{\nlisten 127.0.0.1:{port};\n{block}}}\n}}\n"
        )
    };
    works(
        "nginx",
        "nginx.conf",
        "nginx -p . -c nginx.conf",
        configuration,
    );
}

#[test]
fn the_dashboard_works_behind_caddy() {
    let configuration = |_: &Session, block: &str, port: &str| {
        format!("{{\n\tadmin off\n}}\nhttp://127.0.0.1:{port} {{\n{block}}}\n")
    };
    works(
        "caddy",
        "Caddyfile",
        "caddy run --config Caddyfile",
        configuration,
    );
}

/// Starts the dashboard and a proxy with a block of the guide, and makes the requests of a browser.
fn works(
    language: &str,
    file: &str,
    command: &str,
    configuration: impl Fn(&Session, &str, &str) -> String,
) {
    let guide = fs::read_to_string(root().join("docs/dashboard.md")).unwrap();
    let mut session = Session::new();
    let block = blocks(&guide)
        .into_iter()
        .find(|block| block.language == language);
    let block = session.filled_in(block.unwrap().text);
    let port = free_port();
    session.write(file, &configuration(&session, &block, &port));
    session
        .start(&session.filled_in(&format!("activity serve --token {SECRET}")))
        .unwrap();
    session.start(&format!("{command}\n")).unwrap();
    session.listens(&port).unwrap();

    let get = |path: &str, headers: &str| get(&port, path, headers);
    assert!(get("/ops/activity/", "").starts_with("HTTP/1.1 401 "));
    let bare = get("/ops/activity", "");
    assert!(bare.starts_with("HTTP/1.1 30"), "{bare}");
    assert!(bare.to_lowercase().contains("/ops/activity/\r\n"), "{bare}");
    let signed_in = get(&format!("/ops/activity/?token={SECRET}"), "");
    assert!(signed_in.starts_with("HTTP/1.1 303 "), "{signed_in}");
    let cookie = signed_in.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("set-cookie")
            .then(|| value.split(';').next().unwrap())
    });
    let cookie = format!("cookie: {}\r\n", cookie.unwrap());
    let list = get("/ops/activity/api/activities", &cookie);
    assert!(list.starts_with("HTTP/1.1 200 "), "{list}");
    assert!(list.contains("GET /users/{id}"), "{list}");
    // The first message arrives while the stream stays open.
    let mut live = request(&port, "/ops/activity/api/live?changes=also", &cookie);
    let mut received = String::new();
    while !received.contains("event: change") {
        let mut bytes = [0; 1024];
        let read = live.read(&mut bytes).unwrap();
        assert_ne!(read, 0, "{received}");
        received.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

fn request(port: &str, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn get(port: &str, path: &str, headers: &str) -> String {
    let mut answer = String::new();
    request(port, path, headers)
        .read_to_string(&mut answer)
        .unwrap();
    answer
}
