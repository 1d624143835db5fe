//! A company → a vendor.
//!
//! The Add goes out at once; QuickBooks itself refuses a name that is taken. Only then, or when the fate of the Add is
//! unknown, is it looked up who holds the name. What may not live here: staging, and linking by hand.

use serde::{Deserialize, Serialize};

use super::answers::{self, Added, Holder, Trouble};
use crate::{
    links::{ItemType, NewLink, ProcoreItem},
    mirror::{ListKind, MirrorRecord},
    qbxml::{
        Access, ListRef, Request, Response,
        address::Address,
        same_guid,
        text::{self, TooLong},
        vendor::{self, VendorAdd},
    },
    tasks::{
        Effects, Facts, Failure, FailureCode, Machine, Outcome, Step, Turn, Wants,
        imports::records::{self, AddressDetails, VendorDetails},
    },
};

/// A company on its way to QuickBooks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VendorExport {
    /// The Procore company.
    pub procore_id: i64,
    /// Its name.
    pub name: String,
    /// Street, of one or more lines.
    pub address: Option<String>,
    /// City.
    pub city: Option<String>,
    /// State code.
    pub state: Option<String>,
    /// Postal code.
    pub zip: Option<String>,
    /// Country code.
    pub country: Option<String>,
    /// Business phone.
    pub phone: Option<String>,
    /// Fax.
    pub fax: Option<String>,
    /// E-mail.
    pub email: Option<String>,
    /// The vendor type chosen at export.
    pub vendor_type_list_id: Option<String>,
    /// Our own id for the vendor, in braces, derived from the Procore record.
    pub external_guid: String,
    /// How far it is.
    pub stage: Stage,
}

/// How far the export is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Add it, unless the mirror knows the name.
    #[default]
    Add,
    /// Add it: QuickBooks was asked, and nobody holds the name.
    AddAfterLookUp,
    /// Ask QuickBooks who holds the name, for the mirror says that somebody does.
    Verify,
    /// Ask QuickBooks who holds the name, for it said that somebody does.
    FindHolder,
    /// Ask QuickBooks whether the Add took effect.
    FindOut,
}

impl VendorExport {
    fn item(&self) -> ProcoreItem {
        ProcoreItem::new(ItemType::Vendor, self.procore_id)
    }

    fn what(&self) -> String {
        format!("The vendor \"{}\"", self.name.trim())
    }

    /// The name as QuickBooks will hold it; empty where there is none.
    fn clean_name(&self) -> String {
        text::fit_line("name", &self.name, usize::MAX).unwrap_or_default()
    }

    /// The vendor as it will be written, or everything that keeps it from being written.
    pub fn vendor(&self) -> Result<VendorAdd, Failure> {
        let mut faults: Vec<String> = Vec::new();
        let what = self.what();
        let name = self.clean_name();
        if name.is_empty() {
            faults.push("This Vendor cannot be sent to ERP because it has no name.".to_owned());
        } else if name.chars().count() > vendor::NAME_MAX {
            faults.push(format!(
                "This Vendor cannot be sent to ERP because name must be less than {} characters.",
                vendor::NAME_MAX + 1
            ));
        }
        if name.contains(':') {
            faults.push(format!(
                "{what} cannot be sent to ERP because QuickBooks does not allow a colon (:) in a name. Change the \
                 company's name in Procore's Directory."
            ));
        }
        let mut field = |label: &str, value: Option<&str>, max: usize| {
            text::fit_optional(
                &format!("The {label} of the company \"{}\"", self.name.trim()),
                value,
                max,
            )
            .unwrap_or_else(|error| {
                faults.push(in_directory(&error));
                None
            })
        };
        let city = field("city", self.city.as_deref(), 31);
        let state = field("state", self.state.as_deref(), 21);
        let postal_code = field("zip code", self.zip.as_deref(), 13);
        let country = field("country", self.country.as_deref(), 31);
        let phone = field("business phone", self.phone.as_deref(), vendor::PHONE_MAX);
        let fax = field("fax number", self.fax.as_deref(), vendor::PHONE_MAX);
        let email = field("e-mail address", self.email.as_deref(), vendor::EMAIL_MAX);
        let label = format!("The address of the company \"{}\"", self.name.trim());
        let mut lines = text::address_lines(&label, self.address.as_deref().unwrap_or_default())
            .unwrap_or_else(|error| {
                faults.push(in_directory(&error));
                Vec::new()
            });
        if !faults.is_empty() {
            return Err(Failure::all(FailureCode::InvalidField, faults));
        }
        let has_address = !lines.is_empty() || city.is_some() || state.is_some() || postal_code.is_some();
        if has_address && lines.len() < 5 {
            // The address is printed as it stands, and the name is not printed above it (qbxml.md §11).
            lines.insert(0, name.clone());
        }
        let address = Address {
            city,
            state,
            postal_code,
            country,
            ..Address::with_lines(lines)
        };
        Ok(VendorAdd {
            company_name: Some(name.clone()),
            name_on_check: Some(name.clone()),
            name,
            address: address.non_empty(),
            phone,
            fax,
            email,
            vendor_type: self
                .vendor_type_list_id
                .as_deref()
                .filter(|id| !id.is_empty())
                .map(ListRef::by_id),
            external_guid: Some(self.external_guid.clone()).filter(|guid| !guid.is_empty()),
        })
    }

    fn request(&self) -> Result<Request, Failure> {
        self.vendor().map(vendor::add)
    }

    fn at(&self, stage: Stage) -> Self {
        Self {
            stage,
            ..self.clone()
        }
    }

    fn link(&self, list_id: &str, edit_sequence: Option<String>) -> NewLink {
        NewLink {
            item: self.item(),
            origin_id: list_id.to_owned(),
            origin_code: None,
            quickbooks_id: list_id.to_owned(),
            edit_sequence,
            tell_procore: true,
            stands_as: None,
        }
    }

    fn done(&self, list_id: &str, edit_sequence: Option<String>) -> Outcome {
        let details = VendorDetails {
            address: AddressDetails {
                address: self.address.clone(),
                city: self.city.clone(),
                state: self.state.clone(),
                zip: self.zip.clone(),
                country: self.country.clone(),
            },
            phone: self.phone.clone(),
            fax: self.fax.clone(),
            email: self.email.clone(),
            vendor_type_list_id: self.vendor_type_list_id.clone(),
        };
        let name = self.clean_name();
        let effects = Effects {
            links: vec![self.link(list_id, edit_sequence.clone())],
            // The name is taken from now on, also for exports before the next reading of the list.
            mirror: vec![MirrorRecord {
                kind: ListKind::Vendor,
                list_id: list_id.to_owned(),
                full_name: name.clone(),
                name,
                parent_list_id: None,
                is_active: true,
                edit_sequence,
                detail: None,
                external_guid: Some(self.external_guid.clone()),
                data: records::kept(&details),
            }],
            ..Effects::default()
        };
        Outcome::Done(effects, Vec::new())
    }

    fn looked_up(self, answers: &[Response]) -> Turn<Self> {
        let holders = match answers::read_holders(answers, &self.what()) {
            Ok(holders) => holders,
            Err(Trouble::Later(reason)) => return Turn::Later(self, reason),
            Err(Trouble::Failed(failure)) => return failed(failure),
        };
        let ours = holders
            .iter()
            .find(|holder| holder.kind == ListKind::Vendor && holder.is(&self.external_guid));
        if let Some(vendor) = ours {
            return Turn::Finished(self.done(&vendor.list_id, vendor.edit_sequence.clone()));
        }
        match (holders.first(), self.stage) {
            (Some(holder), _) => failed(self.taken_by(holder)),
            (None, Stage::FindHolder) => failed(Failure {
                code: FailureCode::NameInUse,
                messages: vec![format!(
                    "The name \"{}\" is already used in QuickBooks, but not by a record that the QuickBooks user of \
                     the connection may see. {}",
                    self.clean_name(),
                    self.ways_out()
                )],
                status_code: Some(3100),
            }),
            (None, _) => Turn::Continue(self.at(Stage::AddAfterLookUp), Effects::default()),
        }
    }

    fn taken_by(&self, holder: &Holder) -> Failure {
        Failure {
            code: FailureCode::NameInUse,
            messages: vec![format!(
                "The name \"{}\" is already used in QuickBooks by {}. {}",
                self.clean_name(),
                holder.label(),
                match holder.kind {
                    ListKind::Vendor => format!(
                        "Link the company to that vendor in the ERP Integrations tool, or give the company a new name \
                         in Procore (\"{}\", say) and send it again.",
                        answers::other_name_for(&self.clean_name(), "2", vendor::NAME_MAX)
                    ),
                    _ => self.ways_out(),
                }
            )],
            status_code: Some(3100),
        }
    }

    fn ways_out(&self) -> String {
        format!(
            "Vendors, customers, employees and other names cannot share a name. Link the company to an existing vendor \
             instead, or give it a new name in Procore (\"{}\", say) and send it again.",
            answers::other_name_for(&self.clean_name(), "Vendor", vendor::NAME_MAX)
        )
    }
}

fn in_directory(error: &TooLong) -> String {
    format!("{error} You find it in Procore's Directory, in the company's details.")
}

fn failed<S>(failure: Failure) -> Turn<S> {
    Turn::Finished(Outcome::Failed(failure, Effects::default()))
}

impl Machine for VendorExport {
    fn wants(&self) -> Wants {
        Wants {
            names: vec![self.clean_name()],
            links: vec![self.item()],
            ..Wants::default()
        }
    }

    /// Nothing: the answers say it all.
    fn answer_wants(&self) -> Wants {
        Wants::default()
    }

    fn access(&self) -> Access {
        match self.stage {
            Stage::Add | Stage::AddAfterLookUp => Access::Write,
            Stage::Verify | Stage::FindHolder | Stage::FindOut => Access::Read,
        }
    }

    fn step(&self, facts: &Facts<'_>) -> Step<Self> {
        if let Some(link) = facts.link_of(self.item()) {
            // Sent twice, or linked by hand meanwhile: nothing is written again, and Procore is told again.
            let effects = Effects {
                links: vec![self.link(&link.quickbooks_id, link.edit_sequence.clone())],
                ..Effects::default()
            };
            return Step::Finished(Outcome::Done(effects, Vec::new()));
        }
        let request = match self.request() {
            Ok(request) => request,
            Err(failure) => return Step::Finished(Outcome::Failed(failure, Effects::default())),
        };
        match self.stage {
            Stage::Add => {
                let name = self.clean_name();
                let ours = |guid: &str| same_guid(guid, &self.external_guid);
                let other = facts
                    .holders(&name)
                    .any(|holder| !holder.external_guid.as_deref().is_some_and(ours));
                if other {
                    // The mirror may be old: QuickBooks has the last word on who holds the name.
                    Step::Advance(self.at(Stage::Verify), Effects::default())
                } else {
                    Step::Ask(vec![request])
                }
            }
            Stage::AddAfterLookUp => Step::Ask(vec![request]),
            Stage::Verify | Stage::FindHolder | Stage::FindOut => {
                Step::Ask(answers::ask_holders(&self.clean_name()))
            }
        }
    }

    fn answer(self, answers: &[Response], _facts: &Facts<'_>) -> Turn<Self> {
        match self.stage {
            Stage::Add | Stage::AddAfterLookUp => match answers::added(answers, "VendorRet", &self.what()) {
                Added::Done(written) => Turn::Finished(self.done(&written.id, written.edit_sequence)),
                Added::Taken => Turn::Continue(self.at(Stage::FindHolder), Effects::default()),
                Added::Unsure => Turn::Continue(self.at(Stage::FindOut), Effects::default()),
                Added::Later(reason) => Turn::Later(self, reason),
                Added::Refused(failure) => failed(failure),
            },
            Stage::Verify | Stage::FindHolder | Stage::FindOut => self.looked_up(answers),
        }
    }

    fn outcome_unknown(self) -> Turn<Self> {
        let next = match self.stage {
            Stage::Add | Stage::AddAfterLookUp => self.at(Stage::FindOut),
            Stage::Verify | Stage::FindHolder | Stage::FindOut => self,
        };
        Turn::Continue(next, Effects::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mirror::name_key,
        qbxml::{Version, read_message_set, write_message_set},
        tasks::imports::fixture::World,
    };

    const GUID: &str = "{1F6E4C52-7C1B-4D6B-9C5E-0A1B2C3D4E01}";

    fn acme() -> VendorExport {
        VendorExport {
            procore_id: 35,
            name: "Acme".into(),
            address: Some("1 High St\nSuite 2".into()),
            city: Some("Bend".into()),
            state: Some("OR".into()),
            zip: Some("97701".into()),
            country: Some("US".into()),
            phone: Some("555-1000".into()),
            fax: Some("555-1001".into()),
            email: Some("office@acme.test".into()),
            vendor_type_list_id: Some("80-1".into()),
            external_guid: GUID.into(),
            ..VendorExport::default()
        }
    }

    fn written() -> [Response; 1] {
        [Response::ok(
            "VendorAddRs",
            "<VendorRet><ListID>V9</ListID><EditSequence>11</EditSequence><Name>Acme</Name></VendorRet>",
        )]
    }

    fn taken() -> [Response; 1] {
        [Response::failed(
            "VendorAddRs",
            3100,
            "The name \"Acme\" of the list element is already in use.",
        )]
    }

    fn nobody() -> Vec<Response> {
        // What QuickBooks says when a name is not there.
        (0..4)
            .map(|_| Response::failed("QueryRs", 500, "could not be found"))
            .collect()
    }

    fn holders(place: usize, record: &str) -> Vec<Response> {
        let mut answers = nobody();
        answers[place] = Response::ok("QueryRs", record);
        answers
    }

    fn link_of(outcome: &Outcome) -> &NewLink {
        match outcome {
            Outcome::Done(effects, messages) if messages.is_empty() => &effects.links[0],
            other => panic!("{other:?}"),
        }
    }

    fn goes_on(turn: Turn<VendorExport>) -> VendorExport {
        match turn {
            Turn::Continue(state, effects) => {
                assert_eq!(effects, Effects::default());
                serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn failure(turn: Turn<VendorExport>) -> Failure {
        match turn {
            Turn::Finished(Outcome::Failed(failure, effects)) => {
                assert_eq!(effects, Effects::default());
                failure
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(export: &VendorExport) -> Vec<String> {
        match export.step(&World::default().facts()) {
            Step::Finished(Outcome::Failed(failure, _)) => failure.messages,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn map_08_to_map_13_a_company_becomes_a_vendor_with_every_field() {
        let world = World::default();
        let Step::Ask(requests) = acme().step(&world.facts()) else {
            panic!("it asks")
        };
        assert!(
            requests[0].body.starts_with(&format!(
                "<VendorAdd><Name>Acme</Name><CompanyName>Acme</CompanyName><VendorAddress><Addr1>Acme</Addr1>\
                 <Addr2>1 High St</Addr2><Addr3>Suite 2</Addr3><City>Bend</City><State>OR</State>\
                 <PostalCode>97701</PostalCode><Country>US</Country></VendorAddress><Phone>555-1000</Phone>\
                 <Fax>555-1001</Fax><Email>office@acme.test</Email><NameOnCheck>Acme</NameOnCheck>\
                 <VendorTypeRef><ListID>80-1</ListID></VendorTypeRef><ExternalGUID>{GUID}</ExternalGUID></VendorAdd>"
            )),
            "{}",
            requests[0].body
        );
        let Turn::Finished(outcome) = acme().answer(&written(), &world.facts()) else {
            panic!("done")
        };
        let link = link_of(&outcome);
        assert_eq!(
            (
                link.origin_id.as_str(),
                link.edit_sequence.as_deref(),
                link.tell_procore
            ),
            ("V9", Some("11"), true)
        );
        let Outcome::Done(effects, _) = outcome else {
            panic!("done")
        };
        assert_eq!(effects.mirror[0].full_name_key(), name_key("ACME"));
    }

    #[test]
    fn map_09_42_characters_are_refused_in_procores_words_and_41_are_not() {
        let long = VendorExport {
            name: "x".repeat(42),
            ..acme()
        };
        assert_eq!(
            refused(&long),
            ["This Vendor cannot be sent to ERP because name must be less than 42 characters."]
        );
        let fits = VendorExport {
            name: "é".repeat(41),
            ..acme()
        };
        assert!(fits.vendor().is_ok());
        let colon = VendorExport {
            name: "A:B".into(),
            ..acme()
        };
        assert!(refused(&colon)[0].contains("colon"));
        let empty = VendorExport {
            name: " ".into(),
            ..acme()
        };
        assert!(refused(&empty)[0].contains("no name"));
    }

    #[test]
    fn map_10_to_map_12_what_is_too_long_is_refused_all_at_once_with_what_to_change() {
        let long = VendorExport {
            address: Some("word ".repeat(80)),
            phone: Some("5".repeat(22)),
            fax: Some("6".repeat(22)),
            city: Some("c".repeat(32)),
            ..acme()
        };
        let messages = refused(&long);
        assert_eq!(messages.len(), 4);
        for (message, word) in messages
            .iter()
            .zip(["city", "business phone", "fax number", "address"])
        {
            assert!(
                message.contains(word) && message.contains("Acme") && message.contains("Directory"),
                "{message}"
            );
        }
        // Five full lines leave no room for the name; no line is cut for it.
        let full = VendorExport {
            address: Some("a\nb\nc\nd\ne".into()),
            ..acme()
        };
        assert_eq!(
            full.vendor()
                .unwrap()
                .address
                .unwrap()
                .lines()
                .collect::<Vec<_>>(),
            ["a", "b", "c", "d", "e"]
        );
    }

    #[test]
    fn comp_11_any_name_gives_a_document_that_can_be_read() {
        for name in ["Łukasz & Söhne “GmbH”", "a\u{0}b\u{1}", "中文 😀", "<x>&amp;]]>"] {
            let export = VendorExport {
                name: name.into(),
                ..acme()
            };
            let Step::Ask(requests) = export.step(&World::default().facts()) else {
                panic!("{name}")
            };
            let document = write_message_set(Version::NEWEST, &requests, None);
            assert!(document.is_ascii());
            let answer = document
                .replace("QBXMLMsgsRq", "QBXMLMsgsRs")
                .replace("requestID", "statusCode");
            let read = read_message_set(answer).unwrap();
            let name_back = read.responses[0].pieces().next().unwrap().text("Name").unwrap();
            assert_eq!(name_back, export.clean_name());
        }
    }

    #[test]
    fn comp_09_a_name_the_mirror_knows_is_checked_and_refused_before_the_export() {
        let world = World::default().holding(ListKind::Customer, "ACME", None);
        let Step::Advance(state, _) = acme().step(&world.facts()) else {
            panic!("it looks first")
        };
        assert_eq!((state.stage, state.access()), (Stage::Verify, Access::Read));
        let Step::Ask(requests) = state.step(&world.facts()) else {
            panic!("it asks")
        };
        assert_eq!(
            requests.iter().map(|request| request.element).collect::<Vec<_>>(),
            [
                "VendorQueryRq",
                "CustomerQueryRq",
                "EmployeeQueryRq",
                "OtherNameQueryRq"
            ]
        );
        assert!(
            requests
                .iter()
                .all(|request| request.body.contains("<FullName>Acme</FullName>"))
        );
        let held = holders(
            1,
            "<CustomerRet><ListID>C1</ListID><Name>ACME</Name><FullName>ACME</FullName><IsActive>false</IsActive></CustomerRet>",
        );
        let failure = failure(state.clone().answer(&held, &world.facts()));
        assert_eq!(failure.code, FailureCode::NameInUse);
        let text = failure.text();
        assert!(text.contains("the inactive customer \"ACME\""), "{text}");
        assert!(
            text.contains("Link the company") && text.contains("Acme (Vendor)"),
            "{text}"
        );

        // The mirror was old: nobody holds the name any more.
        let state = goes_on(state.answer(&nobody(), &world.facts()));
        let Step::Ask(requests) = state.step(&world.facts()) else {
            panic!("it adds")
        };
        assert_eq!(requests[0].element, "VendorAddRq");
    }

    #[test]
    fn comp_09_quickbooks_refusal_is_traced_to_its_holder_or_adopted() {
        let world = World::default();
        for (place, kind, ret) in [
            (0, "vendor", "VendorRet"),
            (2, "employee", "EmployeeRet"),
            (3, "other name", "OtherNameRet"),
        ] {
            let state = goes_on(acme().answer(&taken(), &world.facts()));
            let held = holders(
                place,
                &format!("<{ret}><ListID>X</ListID><Name>acme</Name></{ret}>"),
            );
            let text = failure(state.answer(&held, &world.facts())).text();
            assert!(
                text.contains(&format!("the {kind} \"acme\"")) && text.contains("Link the company"),
                "{text}"
            );
        }
        let state = goes_on(acme().answer(&taken(), &world.facts()));
        let ours = holders(
            0,
            &format!(
                "<VendorRet><ListID>V3</ListID><EditSequence>4</EditSequence><Name>Acme</Name>\
                 <ExternalGUID>{}</ExternalGUID></VendorRet>",
                GUID.to_lowercase()
            ),
        );
        let Turn::Finished(outcome) = state.clone().answer(&ours, &world.facts()) else {
            panic!("adopted")
        };
        assert_eq!(link_of(&outcome).origin_id, "V3");
        // Taken, but by nobody we may see: refused, and not tried for ever.
        let text = failure(state.answer(&nobody(), &world.facts())).text();
        assert!(text.contains("already used"), "{text}");
    }

    #[test]
    fn an_unknown_outcome_is_looked_up_and_only_then_added_again() {
        let world = World::default();
        let state = goes_on(acme().outcome_unknown());
        assert_eq!(state.access(), Access::Read);
        let found = format!(
            "<VendorRet><ListID>V3</ListID><Name>Acme</Name><ExternalGUID>{GUID}</ExternalGUID></VendorRet>"
        );
        let Turn::Finished(outcome) = state.clone().answer(&holders(0, &found), &world.facts()) else {
            panic!("found")
        };
        assert_eq!(link_of(&outcome).origin_id, "V3");
        // Employees hidden from the user do not keep the answer from being clear.
        let mut answers = nobody();
        answers[2] = Response::failed("EmployeeQueryRs", 3260, "no right");
        let again = goes_on(state.clone().answer(&answers, &world.facts()));
        assert_eq!(
            (again.stage, again.access()),
            (Stage::AddAfterLookUp, Access::Write)
        );
        // Vendors hidden would: never send again blindly.
        answers[0] = Response::failed("VendorQueryRs", 3260, "no right");
        assert_eq!(
            failure(state.answer(&answers, &world.facts())).code,
            FailureCode::Refused
        );
    }

    #[test]
    fn recovered_answers_warnings_locks_and_refusals() {
        let world = World::default();
        let recovered = [Response::ok(
            "VendorAddRs",
            "<ErrorRecovery><ListID>V5</ListID><EditSequence>6</EditSequence></ErrorRecovery>",
        )];
        let Turn::Finished(outcome) = acme().answer(&recovered, &world.facts()) else {
            panic!("done")
        };
        assert_eq!(link_of(&outcome).origin_id, "V5");

        // An Add answered with a warning has happened.
        let warned = [Response::of(
            "VendorAddRs",
            crate::qbxml::Status::new(530, "field not supported"),
            "<VendorRet><ListID>V6</ListID></VendorRet>",
        )];
        let Turn::Finished(outcome) = acme().answer(&warned, &world.facts()) else {
            panic!("done")
        };
        assert_eq!(link_of(&outcome).origin_id, "V6");
        let silent = [Response::ok("VendorAddRs", "")];
        assert_eq!(
            goes_on(acme().answer(&silent, &world.facts())).stage,
            Stage::FindOut
        );

        // COMP-12
        let locked = [Response::failed(
            "VendorAddRs",
            3180,
            "This list has been modified by another user.",
        )];
        let Turn::Later(state, reason) = acme().answer(&locked, &world.facts()) else {
            panic!("it waits")
        };
        assert_eq!(state, acme());
        assert!(
            reason.contains("modified by another user") && reason.contains("Acme"),
            "{reason}"
        );

        let bad = [Response::failed(
            "VendorAddRs",
            3140,
            "invalid reference to QuickBooks VendorType",
        )];
        let failure = failure(acme().answer(&bad, &world.facts()));
        assert_eq!(
            (failure.code, failure.status_code),
            (FailureCode::Refused, Some(3140))
        );
        assert!(failure.text().contains("VendorType"));
    }

    #[test]
    fn love_01_a_linked_company_is_not_written_again() {
        let world = World::default().linking(ItemType::Vendor, 35, "V1");
        let Step::Finished(outcome) = acme().step(&world.facts()) else {
            panic!("nothing to ask")
        };
        assert_eq!(link_of(&outcome).origin_id, "V1");
        assert_eq!(link_of(&outcome).edit_sequence.as_deref(), Some("7"));
    }
}
