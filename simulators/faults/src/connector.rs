//! A second Web Connector, played by hand: the same user, the same company file, another computer.

use anyhow::Context;

use crate::{
    http::{Answer, Call, Forward},
    remote::Remote,
};

/// What it needs.
#[derive(Clone, Debug)]
pub(crate) struct SecondConnector {
    /// The service, past the relay.
    pub(crate) service: String,
    /// The user of the `.qwc` file.
    pub(crate) user: String,
    /// Its password.
    pub(crate) password: String,
    /// The application's name in QuickBooks.
    pub(crate) application: String,
    /// QuickBooks.
    pub(crate) quickbooks: Remote,
    /// Carries the calls.
    pub(crate) forward: Forward,
}

/// How its session went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Went {
    /// It was let in and did whatever there was to do.
    LetIn,
    /// Busy, no work, or no answer.
    TurnedAway,
}

impl SecondConnector {
    /// A whole session.
    pub(crate) async fn session(&self) -> anyhow::Result<Went> {
        let parameters = [
            ("strUserName", self.user.as_str()),
            ("strPassword", self.password.as_str()),
        ];
        let Some(answer) = self.call("authenticate", &parameters).await else {
            return Ok(Went::TurnedAway);
        };
        let texts = between_all(&answer, "<string>", "</string>");
        let (ticket, verb) = (texts.first().cloned().unwrap_or_default(), texts.get(1).cloned());
        if ticket.is_empty() || verb.is_none_or(|verb| ["none", "busy", "nvu"].contains(&verb.as_str())) {
            return Ok(Went::TurnedAway);
        }
        for _ in 0..200 {
            let parameters = [
                ("ticket", ticket.as_str()),
                // Without a description the service has to ask which company file is open.
                ("strHCPResponse", ""),
                ("strCompanyFileName", ""),
                ("qbXMLCountry", "US"),
                ("qbXMLMajorVers", "13"),
                ("qbXMLMinorVers", "0"),
            ];
            let Some(answer) = self.call("sendRequestXML", &parameters).await else {
                break;
            };
            let document = result(&answer, "sendRequestXML").unwrap_or_default();
            if document.is_empty() {
                break;
            }
            let (response, hresult) = match self.quickbooks.process(&self.application, &document).await? {
                Ok(response) => (response, String::new()),
                Err(hresult) => (String::new(), hresult),
            };
            let parameters = [
                ("ticket", ticket.as_str()),
                ("response", response.as_str()),
                ("hresult", hresult.as_str()),
                ("message", ""),
            ];
            let Some(answer) = self.call("receiveResponseXML", &parameters).await else {
                break;
            };
            let number = result(&answer, "receiveResponseXML").and_then(|n| n.trim().parse::<i64>().ok());
            if !number.is_some_and(|number| (0..100).contains(&number)) {
                break;
            }
        }
        self.call("closeConnection", &[("ticket", ticket.as_str())]).await;
        Ok(Went::LetIn)
    }

    async fn call(&self, operation: &str, parameters: &[(&str, &str)]) -> Option<String> {
        let parameters: String = parameters
            .iter()
            .map(|(name, value)| ["<", name, ">", &escape(value), "</", name, ">"].concat())
            .collect();
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><{operation} xmlns=\"http://developer.intuit.com/\">{parameters}</{operation}></soap:Body></soap:Envelope>"
        );
        let mut headers = hyper::HeaderMap::new();
        headers.insert(
            "content-type",
            hyper::header::HeaderValue::from_static("text/xml; charset=utf-8"),
        );
        let call = Call {
            method: hyper::Method::POST,
            path: "/qbwc".to_owned(),
            headers,
            body: body.into(),
        };
        let Answer { status, body, .. } = self.forward.call(&self.service, &call).await?;
        status
            .is_success()
            .then(|| String::from_utf8_lossy(&body).into_owned())
    }
}

/// The result of an operation, as text.
pub(crate) fn result(answer: &str, operation: &str) -> Option<String> {
    let (_, rest) = answer.split_once(&format!("<{operation}Result>"))?;
    let (text, _) = rest.split_once(&format!("</{operation}Result>"))?;
    Some(unescape(text))
}

/// A parameter of a call, as text.
pub(crate) fn parameter(call: &str, name: &str) -> Option<String> {
    let (_, rest) = call.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    Some(unescape(text))
}

/// The operation of a call.
pub(crate) fn operation(call: &[u8]) -> anyhow::Result<String> {
    let text = String::from_utf8_lossy(call);
    let (_, body) = text.split_once("Body").context("no SOAP body")?;
    let (_, rest) = body.split_once('<').context("an empty SOAP body")?;
    let name = rest.split([' ', '>', '/']).next().unwrap_or_default();
    Ok(name.rsplit(':').next().unwrap_or(name).to_owned())
}

fn between_all(text: &str, from: &str, to: &str) -> Vec<String> {
    text.split(from)
        .skip(1)
        .filter_map(|rest| rest.split_once(to))
        .map(|(inner, _)| unescape(inner))
        .collect()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\r', "&#13;")
}

fn unescape(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&#13;", "\r")
        .replace("&#xD;", "\r")
        .replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_named_whatever_its_prefixes() {
        let call = b"<soap:Envelope><soap:Body><authenticate xmlns=\"x\"><strUserName>a</strUserName></authenticate></soap:Body></soap:Envelope>";
        assert_eq!(operation(call).unwrap(), "authenticate");
        assert_eq!(
            operation(b"<s:Envelope><s:Body><t:serverVersion/></s:Body>").unwrap(),
            "serverVersion"
        );
    }

    #[test]
    fn texts_come_back_as_they_were() {
        let text = "<a b=\"c\">&amp; é</a>\r\n";
        assert_eq!(unescape(&escape(text)), text);
    }
}
