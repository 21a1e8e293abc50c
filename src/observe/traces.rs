//! Each request as a span of OpenTelemetry, sent to a collector by OTLP over HTTP. A span has the method, the template of the route and
//! the status: nothing that somebody outside chose, and nobody's name.

use std::{thread, time::Duration};

use opentelemetry::{
    KeyValue, global,
    trace::{Span as _, SpanKind, Status, Tracer as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use url::Url;

use crate::domain::fault::Fault;

/// How long the collector may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who sends spans. Until one is started, none are made.
pub struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send: once a process. Spans wait in a queue with a bound; past it they are dropped and no request waits.
    pub fn start(endpoint: &Url) -> Result<Self, Fault> {
        // It sends from a thread of its own, and must not be made where the work of others is driven.
        let made = thread::spawn(|| {
            reqwest::blocking::Client::builder()
                .no_proxy()
                .redirect(reqwest::redirect::Policy::none())
                .timeout(PATIENCE)
                .build()
        });
        let client = made.join().map_err(|_| Fault::because("the client for traces cannot be made"))??;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(endpoint.as_str())
            .with_timeout(PATIENCE)
            .build()?;
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(
                Resource::builder_empty().with_attribute(KeyValue::new("service.name", "namens")).build(),
            )
            .build();
        global::set_tracer_provider(provider.clone());
        Ok(Self(provider))
    }

    /// Sends what still waits. It blocks, for as long as the collector may take.
    pub fn stop(&self) {
        if let Err(error) = self.0.shutdown_with_timeout(PATIENCE) {
            tracing::warn!(%error, "not every trace was sent");
        }
    }
}

/// A request that is being answered.
pub struct Request(global::BoxedSpan);

/// A request has come in. `route` is the template that it matched, never its path.
pub fn begin(method: &'static str, route: &str) -> Request {
    let tracer = global::tracer("namens");
    let span =
        tracer.span_builder(format!("{method} {route}")).with_kind(SpanKind::Server).with_attributes([
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route.to_owned()),
        ]);
    Request(span.start(&tracer))
}

impl Request {
    /// It was answered.
    pub fn end(mut self, status: u16) {
        self.0.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            self.0.set_status(Status::error(""));
        }
        self.0.end();
    }
}
