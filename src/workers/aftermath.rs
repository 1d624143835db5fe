//! What Procore knows of orders that were carried out between a backup and its restore. Such an order is found again by
//! polling; its request details tell what became of it.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    erp_mode::orders::Plan,
    procore::{
        client::ProcoreClient,
        error::ProcoreError,
        request_details::{self, RequestDetail},
    },
    writebacks::DetailRef,
};

/// By so much Procore's clock may be behind ours.
const CLOCKS_DIFFER: TimeDelta = TimeDelta::hours(1);

/// What has become of an order's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// Somebody waits for it, or Procore does not say.
    Open,
    /// It was answered that it was carried out.
    CarriedOut,
    /// It was answered that it was not; whoever wants it has to ask again.
    Refused,
}

fn standing(details: &[RequestDetail]) -> Standing {
    let is = |status: &str| {
        details
            .iter()
            .any(|detail| detail.status.as_deref() == Some(status))
    };
    if details.is_empty() || details.iter().any(RequestDetail::is_open) {
        Standing::Open
    } else if is("success") {
        Standing::CarriedOut
    } else {
        Standing::Refused
    }
}

/// Whether an order made then may have been carried out before the restore.
pub fn may_be_answered(made: Option<DateTime<Utc>>, restored_at: DateTime<Utc>) -> bool {
    made.is_none_or(|made| made < restored_at + CLOCKS_DIFFER)
}

/// Takes out of a plan what Procore has its answer to: refused items are left alone; those that were carried out are only
/// looked for, to have their links again, and their details stay as they are. Gives the subjects of the latter. An item that
/// Procore will not show, not even to the `patient`, counts as open.
pub async fn reconcile(
    client: &ProcoreClient,
    plan: &mut Plan,
    patient: bool,
) -> Result<Vec<String>, ProcoreError> {
    let mut carried_out = Vec::new();
    let mut refused = HashSet::new();
    for (index, task) in plan.tasks.iter_mut().enumerate() {
        let details = match task.detail {
            None => continue,
            Some(DetailRef::Id(id)) => request_details::find_by_id(client, id)
                .await
                .map(|detail| detail.into_iter().collect()),
            Some(DetailRef::Item(item)) => request_details::find_by_item(client, item).await,
        };
        let standing = match details {
            Ok(details) => standing(&details),
            Err(error) if patient || error.is_transient() => return Err(error),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a request detail cannot be read; taking it for open"
                );
                Standing::Open
            }
        };
        match standing {
            Standing::Open => {}
            Standing::CarriedOut => {
                task.detail = None;
                carried_out.push(task.subject.clone());
            }
            Standing::Refused => {
                refused.insert(index);
            }
        }
    }
    for rejection in &mut plan.rejections {
        if let Some(DetailRef::Id(id)) = rejection.detail
            && let Ok(Some(true)) = is_closed(client, id).await
        {
            rejection.detail = None;
        }
    }
    let mut index = 0;
    plan.tasks.retain(|_| {
        index += 1;
        !refused.contains(&(index - 1))
    });
    Ok(carried_out)
}

/// Whether a request detail was closed already. `None`: Procore will not show it.
pub async fn is_closed(client: &ProcoreClient, id: i64) -> Result<Option<bool>, ProcoreError> {
    Ok(request_details::find_by_id(client, id)
        .await?
        .map(|detail| !detail.is_open()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(statuses: &[&str]) -> Vec<RequestDetail> {
        statuses
            .iter()
            .map(|status| RequestDetail {
                id: 1,
                status: Some((*status).to_owned()),
                item_type: None,
            })
            .collect()
    }

    #[test]
    fn an_open_detail_counts_before_a_success_and_that_before_a_refusal() {
        for (statuses, wanted) in [
            (&[][..], Standing::Open),
            (&["failed", "in progress", "success"], Standing::Open),
            (&["failed", "success"], Standing::CarriedOut),
            (&["failed", "stale"], Standing::Refused),
        ] {
            assert_eq!(standing(&details(statuses)), wanted, "{statuses:?}");
        }
    }
}
