//! The client against a server that answers as a script says, over TCP.

use std::sync::atomic::{AtomicUsize, Ordering};

use prometheus::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{clock::Hand, secret::SecretSource};

const NOW: &str = "2026-11-28T12:00:00Z";
const TOKEN: &str = r#"{"code":0,"msg":"ok","tenant_access_token":"t-1","expire":7200}"#;

struct Everything;

impl Ledger for Everything {
    fn spend(&self, _: Endpoint, _: Purpose) -> bool {
        true
    }
}

/// An answer: status, headers, body.
type Scripted = (u16, Vec<(&'static str, String)>, String);

fn json(status: u16, body: &str) -> Scripted {
    (status, Vec::new(), body.to_owned())
}

/// A server that answers each request by its path and query.
struct Script {
    base_url: String,
    requests: Arc<AtomicUsize>,
}

impl Script {
    async fn start(answer: impl Fn(&str) -> Scripted + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base_url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let (answer, count) = (Arc::new(answer), Arc::clone(&requests));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (answer, count) = (Arc::clone(&answer), Arc::clone(&count));
                tokio::spawn(async move {
                    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
                    // A request comes whole, head and small body.
                    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                        match stream.read(&mut buffer).await {
                            Ok(read @ 1..) => head.extend_from_slice(&buffer[..read]),
                            _ => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let target = head.split(' ').nth(1).unwrap_or_default();
                    if !target.contains("tenant_access_token") {
                        count.fetch_add(1, Ordering::SeqCst);
                    }
                    // What is asked of the directory stands in the body.
                    let asked = format!("{target} {}", head.rsplit("\r\n\r\n").next().unwrap());
                    let (status, headers, body) = answer(&asked);
                    let mut text = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
                    for (name, value) in headers {
                        text.push_str(&format!("{name}: {value}\r\n"));
                    }
                    text.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
                    let _ = stream.write_all(text.as_bytes()).await;
                });
            }
        });
        Self { base_url, requests }
    }

    fn client(&self) -> (Client, Hand) {
        let limits = Limits { requests_per_second: 100.0, ..Limits::default() };
        Self::client_of(&self.base_url, limits)
    }

    fn client_of(base_url: &str, limits: Limits) -> (Client, Hand) {
        let options = Options {
            tenant: "acme".to_owned(),
            base_url: base_url.to_owned(),
            ca_file: None,
            app_id: "cli_x".to_owned(),
            app_secret: SecretSource::Inline(Secret::new("hunter2-hunter2".to_owned())),
            department_id_type: DepartmentIdType::OpenDepartmentId,
            limits,
        };
        let (clock, hand) = Clock::manual(NOW.parse().unwrap());
        let metrics = Metrics::register(&Registry::new());
        (Client::new(options, metrics, Arc::new(Everything), clock).unwrap(), hand)
    }

    fn count(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

fn stats(target_geo: Option<&'static str>) -> DeptStatsQuery {
    let day = jiff::civil::date(2026, 11, 27);
    DeptStatsQuery {
        department_id: "od-1".to_owned(),
        contains_child_dept: true,
        start: day,
        end: day,
        with_product_version: true,
        target_geo,
        purpose: Purpose::Live,
    }
}

async fn ask_stats(client: &Client) -> Result<usize, Error> {
    let mut rows = 0;
    client.admin_dept_stats(&stats(None), &mut |_| rows += 1).await.map(|()| rows)
}

/// What the statistics fail with where they are answered so.
async fn failing(answer: impl Fn() -> Scripted + Send + Sync + 'static) -> Error {
    let script = Script::start(move |asked| match asked.contains("tenant_access_token") {
        true => json(200, TOKEN),
        false => answer(),
    })
    .await;
    ask_stats(&script.client().0).await.unwrap_err()
}

#[tokio::test]
async fn what_is_not_feishus_json_has_no_verdict() {
    let page = |status| (status, vec![("server", "squid".to_owned())], "<title>No</title>".into());
    let answers: [fn(u16) -> Scripted; 3] = [
        page,
        |status| json(status, r#"{"message":"denied"}"#),
        |status| json(status, &format!(r#"{{"code":{status},"msg":"denied"}}"#)),
    ];
    for answer in answers {
        for status in &[400, 401, 403, 407, 451] {
            let error = failing(move || answer(*status)).await;
            assert_eq!((error.class, error.reach), (C::Malformed, Reach::Unknown), "{error}");
            assert_eq!(error.code, None);
            assert!(error.remedy.contains("proxy"), "{error}");
            assert!(!error.remedy.contains("department"), "{error}");
            assert!(error.what.contains(&status.to_string()), "{error}");

            let script = Script::start(move |_| answer(*status)).await;
            let error = script.client().0.sign_in().await.unwrap_err();
            assert_eq!((error.class, error.reach), (C::Malformed, Reach::App), "{error}");
        }
    }
}

#[tokio::test]
async fn a_path_that_only_this_endpoint_lacks_is_the_endpoints() {
    let script = Script::start(|asked| match asked {
        asked if asked.contains("tenant_access_token") => json(200, TOKEN),
        asked if asked.contains("find_by_department") => {
            json(200, r#"{"code":0,"data":{"items":[]}}"#)
        }
        _ => json(404, "<html>nginx</html>"),
    })
    .await;
    let (client, _hand) = script.client();
    let error = ask_stats(&client).await.unwrap_err();
    assert_eq!((error.class, error.reach), (C::InvalidRequest, Reach::Endpoint), "{error}");
    assert!(error.remedy.contains("private deployment"), "{error}");
    assert_eq!(script.count(), 1, "it is not asked again and again");
    client.users_find_by_department("od-1", ListPart::Whole, &mut |_| {}).await.unwrap();
    // Nothing there at all is another thing.
    let nowhere = Script::start(|_| json(404, "nothing")).await;
    let error = nowhere.client().0.sign_in().await.unwrap_err();
    assert_eq!((error.class, error.reach), (C::Malformed, Reach::App));
    assert!(error.remedy.contains("base_url"), "{error}");
}

#[tokio::test]
async fn a_path_that_answered_before_is_not_missing() {
    let calls = AtomicUsize::new(0);
    let script = Script::start(move |asked| match asked.contains("tenant_access_token") {
        true => json(200, TOKEN),
        false if calls.fetch_add(1, Ordering::SeqCst) == 0 => json(200, r#"{"code":0}"#),
        false => json(404, "default backend"),
    })
    .await;
    let (client, _hand) = script.client();
    assert_eq!(ask_stats(&client).await, Ok(0));
    let error = ask_stats(&client).await.unwrap_err();
    assert_eq!((error.class, error.reach), (C::Malformed, Reach::Unknown), "{error}");
}

#[tokio::test]
async fn a_redirect_is_told_with_its_target() {
    for (location, host) in [
        ("https://login.corp.example/sso?token=1", "to login.corp.example"),
        ("/portal", "within 127.0.0.1"),
    ] {
        let error = failing(move || (302, vec![("location", location.to_owned())], String::new()));
        let error = error.await;
        assert!(error.what.ends_with(host), "{error}");
        assert!(!error.to_string().contains("token=1"), "{error}");
    }
}

#[tokio::test]
async fn what_feishu_says_of_a_parameter_is_in_the_message() {
    let body = r#"{"code":99992402,"msg":"field validation failed","error":{"field_violations":[
        {"field":"page_size","value":"20","description":"the max value is 10"}]}}"#;
    let error = failing(|| json(400, body)).await;
    assert!(error.what.ends_with("field validation failed; page_size: the max value is 10"));
    assert_eq!(error.reach, Reach::Endpoint, "{error}");
    assert!(!error.remedy.contains("department id"), "{error}");
    let of_the_id = body.replace("page_size", "department_id");
    let error = failing(move || json(400, &of_the_id)).await;
    assert_eq!(error.reach, Reach::Department);
    assert!(error.remedy.contains("department id"), "{error}");
    // Of people nothing is repeated, but the parameter's name.
    let script = Script::start(move |asked| match asked.contains("tenant_access_token") {
        true => json(200, TOKEN),
        false => json(400, &body.replace("the max value is 10", "张三 is not here")),
    })
    .await;
    let (client, _hand) = script.client();
    let error =
        client.users_find_by_department("od-1", ListPart::Whole, &mut |_| {}).await.unwrap_err();
    assert!(error.what.ends_with("; page_size is not accepted"), "{error}");
}

#[tokio::test]
async fn everything_that_is_quoted_has_a_limit() {
    let long = "x".repeat(100_000);
    let many = |item: String| vec![item; 45_000].join(",");
    let bodies = [
        format!(r#"{{"code":99991672,"msg":"{long}"}}"#),
        format!(
            r#"{{"code":99991672,"msg":"","error":{{"log_id":"{long}","permission_violations":[{}]}}}}"#,
            many(
                r#"{"type":"action_scope_required","subject":"admin:admin_dept_stat:readonly"}"#
                    .into()
            )
        ),
        format!(
            r#"{{"code":99991672,"msg":"","error":{{"permission_violations":[{{"scope":"{long}"}}]}}}}"#
        ),
        format!(
            r#"{{"code":99992402,"msg":"","error":{{"field_violations":[{}]}}}}"#,
            many(r#"{"field":"page_size","description":"the max value is 10"}"#.into())
        ),
        format!(
            r#"{{"code":99992402,"msg":"","error":{{"field_violations":[{{"field":"{long}","description":"{long}"}}]}}}}"#
        ),
        long.clone(),
        format!("<title>{long}</title>"),
        format!(r#"{{"code":"{long}"}}"#),
    ];
    for body in bodies {
        let start = body[..40].to_owned();
        let error = failing(move || json(400, &body)).await;
        let size = error.to_string().len() + error.missing_scopes.concat().len();
        assert!(size < 3_000, "{start}: {size} bytes");
    }
}

#[tokio::test]
async fn a_wrong_clock_is_told_and_blamed_instead_of_the_department() {
    let script = Script::start(|asked| {
        let date = vec![("date", "Sat, 28 Nov 2026 04:00:00 GMT".to_owned())];
        match asked.contains("tenant_access_token") {
            true => (200, date, TOKEN.to_owned()),
            false => (500, date, r#"{"code":1051001,"msg":"invalid param"}"#.to_owned()),
        }
    })
    .await;
    let (client, hand) = script.client();
    let error = ask_stats(&client).await.unwrap_err();
    assert_eq!(client.clock_difference().as_deref(), Some("8h ahead of"));
    assert!(error.remedy.starts_with("set the clock of this machine"), "{error}");
    // Once it is set, the department is to blame again.
    hand.set("2026-11-28T04:00:30Z".parse().unwrap());
    ask_stats(&client).await.unwrap_err();
    let error = ask_stats(&client).await.unwrap_err();
    assert_eq!(client.clock_difference(), None);
    assert!(error.remedy.starts_with("check the department id"), "{error}");
}

#[tokio::test]
async fn the_clock_of_a_proxy_says_nothing() {
    let script = Script::start(|_| {
        (403, vec![("date", "Sat, 28 Nov 2020 04:00:00 GMT".to_owned())], "<html>".to_owned())
    })
    .await;
    let (client, _hand) = script.client();
    for _ in 0..3 {
        client.sign_in().await.unwrap_err();
    }
    assert_eq!(client.clock_difference(), None);
}

#[tokio::test]
async fn a_geo_that_is_refused_may_have_to_be_enabled() {
    let script = Script::start(|asked| match asked.contains("tenant_access_token") {
        true => json(200, TOKEN),
        false => json(400, r#"{"code":1051002,"msg":"no access"}"#),
    })
    .await;
    let (client, _hand) = script.client();
    let error = client.admin_dept_stats(&stats(Some("sg")), &mut |_| {}).await.unwrap_err();
    assert!(error.remedy.contains("ask Feishu to enable sg"), "{error}");
    let error = ask_stats(&client).await.unwrap_err();
    assert!(!error.remedy.contains("enable"), "{error}");
}

/// Every list of the API, with 2 items on its first page and 1 on its second, which `end` leads to.
async fn lengths(end: &'static str) -> Vec<Result<usize, C>> {
    lengths_with(end, Ok(("{}", r#""has_more":false"#))).await
}

/// The same with another second page: its items and its end, or status and body of a failure.
async fn lengths_with(
    end: &'static str,
    second: Result<(&'static str, &'static str), (u16, &'static str)>,
) -> Vec<Result<usize, C>> {
    let script = Script::start(move |asked| {
        if asked.contains("tenant_access_token") {
            return json(200, TOKEN);
        }
        let (items, end) = match asked.contains("page_token") {
            false => ("{},{}", end),
            true => match second {
                Ok(second) => second,
                Err((status, body)) => return json(status, body),
            },
        };
        json(
            200,
            &match asked.contains("departments/filter") {
                true => format!(
                    r#"{{"code":0,"data":{{"departments":[{items}],"page_response":{{{end}}}}}}}"#
                ),
                false => format!(r#"{{"code":0,"data":{{"items":[{items}],{end}}}}}"#),
            },
        )
    })
    .await;
    let (client, _hand) = script.client();
    let users = UserStatsQuery {
        department_id: "od-1".to_owned(),
        day: jiff::civil::date(2026, 11, 27),
        target_geo: None,
    };
    let counts: [AtomicUsize; 5] = Default::default();
    let count = |list: usize| {
        counts[list].fetch_add(1, Ordering::SeqCst);
    };
    let results = [
        client.admin_dept_stats(&stats(None), &mut |_| count(0)).await,
        client.admin_user_stats(&users, ListPart::Whole, &mut |_| count(1)).await,
        client.users_find_by_department("od-1", ListPart::Whole, &mut |_| count(2)).await,
        client.departments_below("0", &mut |_| count(3), &mut |_| {}).await,
        client.departments_batch(&["od-1", "od-2", "od-3"], &mut |_| count(4)).await,
    ];
    let counted = counts.iter().map(|count| count.load(Ordering::SeqCst));
    results.into_iter().zip(counted).map(|(r, n)| r.map(|()| n).map_err(|e| e.class)).collect()
}

#[tokio::test]
async fn no_list_of_any_endpoint_is_cut_because_its_end_cannot_be_read() {
    for end in [
        r#""has_more":1,"page_token":"p""#,
        r#""has_more":"true","page_token":"p""#,
        r#""has_more":null,"page_token":"p""#,
        r#""page_token":"p""#,
    ] {
        assert_eq!(lengths(end).await, vec![Ok(3); 5], "{end}");
    }
    for end in [r#""has_more":1"#, r#""has_more":"true","page_token":null"#, r#""has_more":{}"#] {
        assert_eq!(lengths(end).await, vec![Err(C::Malformed); 5], "{end}");
    }
}

/// No document says whether Feishu gives a token at the end of a list.
#[tokio::test]
async fn a_token_beside_no_more_is_right_whichever_way_it_turns_out() {
    const END: &str = r#""has_more":false,"page_token":"p""#;
    let first = ("{},{}", END);
    for (second, items) in [
        (Ok(("{}", r#""has_more":false"#)), 3),
        (Ok(("{}", END)), 3),
        (Ok(first), 2),
        (Ok(("", END)), 2),
        (Ok(("", r#""has_more":true"#)), 2),
        (Err((400, r#"{"code":2221004,"msg":"page token"}"#)), 2),
        (Err((500, r#"{"code":1051001,"msg":"invalid"}"#)), 2),
        (Err((400, r#"{"code":1051002,"msg":"no access"}"#)), 2),
    ] {
        assert_eq!(lengths_with(END, second).await, vec![Ok(items); 5], "{second:?}");
    }
    // What is not Feishu's word says nothing of the list.
    let page = "<html>Bad gateway</html>";
    assert_eq!(lengths_with(END, Err((403, page))).await, vec![Err(C::Malformed); 5]);
}

#[tokio::test]
async fn a_list_that_begins_again_and_again_ends_with_its_second_page() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let script = Script::start(move |request| {
        if request.contains("tenant_access_token") {
            return json(200, TOKEN);
        }
        let page = counted.fetch_add(1, Ordering::SeqCst);
        let data = format!(r#"{{"items":[{{}}],"has_more":true,"page_token":"{page}"}}"#);
        json(200, &format!(r#"{{"code":0,"data":{data}}}"#))
    })
    .await;
    let (client, _hand) = script.client();
    let error = ask_stats(&client).await.unwrap_err();
    assert!(error.what.contains("has no end"), "{error}");
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn tokens_at_the_end_of_every_list_cost_a_few_requests_in_all() {
    const PAGE: &str = r#"{"code":0,"data":{"items":[{}],"has_more":false,"page_token":"2"}}"#;
    const END: &str = r#"{"code":0,"data":{"items":[],"has_more":false,"page_token":"3"}}"#;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let script = Script::start(move |request| {
        if request.contains("tenant_access_token") {
            return json(200, TOKEN);
        }
        counted.fetch_add(1, Ordering::SeqCst);
        json(200, if request.contains("page_token") { END } else { PAGE })
    })
    .await;
    let (client, _hand) = script.client();
    for _ in 0..20 {
        ask_stats(&client).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 23);
}

/// What a server does after it has sent some bytes.
#[derive(Clone, Copy, Debug)]
enum End {
    Close,
    Reset,
    Hang,
    /// It goes on, a byte at a time.
    Drip,
}

/// What a request for a token fails with where the connection goes like this.
async fn broken(bytes: &'static str, end: End) -> Error {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(bytes.as_bytes()).await;
                match end {
                    End::Close => {}
                    // What is not read when a socket is closed makes it a reset.
                    End::Reset => {
                        stream.set_zero_linger().unwrap();
                        sleep(Duration::from_millis(20)).await;
                    }
                    End::Hang => sleep(Duration::from_secs(60)).await,
                    End::Drip => {
                        while stream.write_all(b" ").await.is_ok() {
                            sleep(Duration::from_millis(20)).await;
                        }
                    }
                }
            });
        }
    });
    let limits = Limits { timeout: Duration::from_millis(200), ..Limits::default() };
    ask_stats(&Script::client_of(&base_url, limits).0).await.unwrap_err()
}

#[tokio::test]
async fn whatever_breaks_on_the_way_ends_in_time_and_is_the_networks() {
    const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n";
    const HUGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2147483648\r\n\r\n{";
    let cases = [
        ("", End::Close, Class::Network, "no answer"),
        ("", End::Reset, Class::Network, "no answer"),
        ("", End::Hang, Class::Network, "limits.timeout"),
        ("HTTP/1.1 200", End::Hang, Class::Network, "limits.timeout"),
        ("SSH-2.0-OpenSSH\r\n", End::Close, Class::Network, "no answer"),
        (HEAD, End::Close, Class::Network, "broke off"),
        (HEAD, End::Reset, Class::Network, "broke off"),
        (HEAD, End::Hang, Class::Network, "limits.timeout"),
        (HEAD, End::Drip, Class::Network, "limits.timeout"),
        (HUGE, End::Close, Class::Network, "broke off"),
        (HUGE, End::Drip, Class::Network, "limits.timeout"),
    ];
    // Each is sent again with pauses; all wait at the same time.
    let mut asked = tokio::task::JoinSet::new();
    for (bytes, end, class, words) in cases {
        asked.spawn(async move {
            let started = Instant::now();
            let error = broken(bytes, end).await;
            let told = format!("{bytes:?} {end:?}: {error}");
            assert!(error.class == class && error.to_string().contains(words), "{told}");
            assert!(started.elapsed() < Duration::from_secs(120), "{told}");
        });
    }
    asked.join_all().await;
    let unknown = Script::client_of("http://no-such-host.invalid", Limits::default()).0;
    let error = ask_stats(&unknown).await.unwrap_err();
    assert_eq!((error.class, error.reach), (Class::Network, Reach::App), "{error}");
}
