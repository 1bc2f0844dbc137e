//! A small shop, served to this machine alone: a page to log in, one to search, one to pay.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use axum::{
    Form, Router,
    extract::State,
    http::{
        HeaderMap, HeaderValue,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, SET_COOKIE},
    },
    response::{Html, IntoResponse, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use tokio::net::TcpListener;

const GOODS: &[(&str, &str)] = &[
    ("green tea", "2.50"),
    ("black tea", "2.20"),
    ("tea cup", "4.00"),
    ("kettle", "29.00"),
];
const PASSWORD: &str = "tea-time";
/// As strict as shops are: recorders that add a script tag fail under it.
const POLICY: &str = "default-src 'none'; script-src 'self'; form-action 'self'";

const SCRIPT: &str = "
addEventListener('DOMContentLoaded', () => {
  document.querySelector('[name=text]')?.addEventListener('input', event => {
    for (const one of document.querySelectorAll('#goods li')) {
      one.hidden = !one.querySelector('.name').textContent.includes(event.target.value);
    }
  });
});
";

/// The running shop.
pub(crate) struct Shop {
    origin: String,
}

impl Shop {
    /// Opens it on a free port of the loopback interface, for as long as the runtime lives.
    pub(crate) async fn open() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let pages = Router::new()
            .route("/", get(search))
            .route("/login", get(|| async { login("") }).post(log_in))
            .route("/cart", post(cart))
            .route("/orders", post(order))
            .route(
                "/shop.js",
                get(([(CONTENT_TYPE, "text/javascript")], SCRIPT)),
            )
            .with_state(Arc::default());
        tokio::spawn(async { axum::serve(listener, pages).await });
        Ok(Shop { origin })
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

#[derive(Deserialize)]
struct LogIn {
    user: String,
    password: String,
}

async fn log_in(Form(given): Form<LogIn>) -> Response {
    if given.password != PASSWORD {
        return login("<p id='error'>Wrong user or password</p>");
    }
    // A name is enough to log in: there is nothing to steal here.
    let name: String = given
        .user
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect();
    match HeaderValue::from_str(&format!("user={name}; HttpOnly; SameSite=Strict")) {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to("/")).into_response(),
        Err(_) => login("<p id='error'>Wrong user or password</p>"),
    }
}

fn login(error: &str) -> Response {
    page(&format!(
        "<h1>Log in</h1>{error}<form method='post' action='/login'>\
         <input name='user'><input type='password' name='password'><button>Log in</button></form>"
    ))
}

async fn search(headers: HeaderMap) -> Response {
    let welcome = match user(&headers) {
        Some(user) => format!("<p id='welcome'>Hello, {user}</p>"),
        None => String::new(),
    };
    let goods: String = GOODS
        .iter()
        .map(|(name, price)| {
            format!(
                "<li><span class='name'>{name}</span> <span class='price'>{price}</span>\
                 <form method='post' action='/cart'><button name='item' value='{name}'>Buy</button></form></li>"
            )
        })
        .collect();
    page(&format!(
        "<h1>Shop</h1>{welcome}<input name='text'><ul id='goods'>{goods}</ul>"
    ))
}

#[derive(Deserialize)]
struct Cart {
    item: String,
}

async fn cart(headers: HeaderMap, Form(cart): Form<Cart>) -> Response {
    let item = GOODS.iter().find(|(name, _)| *name == cart.item);
    match (user(&headers), item) {
        (Some(_), Some((name, price))) => page(&format!(
            "<h1>Pay</h1><p>{name}: {price}</p><form id='pay' method='post' action='/orders'>\
             <input name='card'><button>Pay</button></form>"
        )),
        _ => Redirect::to("/login").into_response(),
    }
}

async fn order(State(orders): State<Arc<AtomicU64>>, headers: HeaderMap) -> Response {
    match user(&headers) {
        Some(_) => {
            let number = orders.fetch_add(1, Relaxed) + 1;
            page(&format!(
                "<h1>Thank you</h1><p>Your order is number <b id='order'>{number}</b></p>"
            ))
        }
        None => Redirect::to("/login").into_response(),
    }
}

/// The logged-in user.
fn user(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get(COOKIE)?.to_str().ok()?;
    let mut cookies = cookies.split("; ");
    let name = cookies.find_map(|cookie| cookie.strip_prefix("user="))?;
    // A client can forge cookies, and the name is shown in the page.
    name.chars()
        .all(|one| one.is_ascii_alphanumeric())
        .then_some(name)
}

fn page(body: &str) -> Response {
    let html = Html(format!(
        "<!doctype html><html><head><title>Shop</title><script src='/shop.js'></script></head><body>{body}</body></html>"
    ));
    ([(CONTENT_SECURITY_POLICY, POLICY)], html).into_response()
}
