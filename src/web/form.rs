//! A form that one of our own pages posted.

use std::sync::Arc;

use axum::{
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::de::DeserializeOwned;

use super::{error::Failed, error_page::Problem};
use crate::app::App;

/// The fields of a form. One that lacks a field, has it twice, or is no form at all did not come from our pages: it gets
/// the page of a form that no longer works, like one without its token.
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Form<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Failed> {
        match axum::extract::Form::<T>::from_request(request, app).await {
            Ok(axum::extract::Form(fields)) => Ok(Self(fields)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Failed::Page(Problem::TooLarge, None))
            }
            Err(rejection) => {
                tracing::debug!(status = rejection.status().as_u16(), "a form cannot be read");
                Err(Failed::Forbidden)
            }
        }
    }
}
