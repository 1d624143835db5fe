//! Short numbers of purchase orders (LOVE-17): a Procore number that QuickBooks' eleven characters do not hold gets a short one
//! of its own, kept for good, so that no two commitments ever share it.
//!
//! The rule: the letters and digits alone, if they fit; else the last eleven of them; else the last ones with `~2`, `~3` …
//! behind. The first that no other commitment of the connection has is taken, and the database allows each but once.

use sqlx::PgConnection;
use uuid::Uuid;

use super::ProcoreItem;
use crate::qbxml::purchase_order::REF_NUMBER_MAX;

/// Tries with a figure behind, before it is given up.
const MOST: usize = 999;

/// What a number becomes in QuickBooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reserved {
    /// It fits as it is.
    Fits,
    /// It is too long; this is its short one.
    Short(String),
    /// It fits, but is the short number of another commitment, whose own number this is.
    Taken(String),
    /// There is no short number left like it.
    Exhausted,
}

/// Short numbers for a number that is too long, in the order in which they are tried.
fn candidates(number: &str) -> impl Iterator<Item = String> {
    let signs: Vec<char> = number.chars().filter(|sign| sign.is_alphanumeric()).collect();
    let tail = move |length: usize| -> String {
        let from = signs.len().saturating_sub(length);
        signs.get(from..).unwrap_or_default().iter().collect()
    };
    let numbered = move |place: usize| {
        let behind = if place == 1 {
            String::new()
        } else {
            format!("~{place}")
        };
        tail(REF_NUMBER_MAX - behind.len()) + &behind
    };
    (1..=MOST).map(numbered).filter(|number| !number.is_empty())
}

fn key(number: &str) -> String {
    number.trim().to_lowercase()
}

/// Finds the number of a commitment, and keeps it. Whoever calls it holds the connection's orders, so that no other
/// commitment is given one at the same time.
pub async fn reserve(
    db: &mut PgConnection,
    connection_id: Uuid,
    item: ProcoreItem,
    number: &str,
) -> Result<Reserved, sqlx::Error> {
    let own = sqlx::query!(
        "select of_number, number from purchase_order_numbers where connection_id = $1 and item_type = $2 and item_id = $3",
        connection_id,
        item.item_type.as_str(),
        item.id
    )
    .fetch_optional(&mut *db)
    .await?;
    if number.chars().count() <= REF_NUMBER_MAX {
        let taken = sqlx::query_scalar!(
            "select of_number from purchase_order_numbers
             where connection_id = $1 and number_key = $2 and (item_type, item_id) <> ($3, $4)",
            connection_id,
            key(number),
            item.item_type.as_str(),
            item.id
        )
        .fetch_optional(&mut *db)
        .await?;
        return Ok(taken.map_or(Reserved::Fits, Reserved::Taken));
    }
    if let Some(own) = own {
        if own.of_number == number {
            return Ok(Reserved::Short(own.number));
        }
        // It was given another number in Procore since.
        sqlx::query!(
            "delete from purchase_order_numbers where connection_id = $1 and item_type = $2 and item_id = $3",
            connection_id,
            item.item_type.as_str(),
            item.id
        )
        .execute(&mut *db)
        .await?;
    }
    let tried: Vec<String> = candidates(number).collect();
    let keys: Vec<String> = tried.iter().map(|number| key(number)).collect();
    let free = sqlx::query_scalar!(
        r#"select wanted.place as "place!" from unnest($2::text[]) with ordinality as wanted(number_key, place)
           cross join lateral (
               select exists (select from purchase_order_numbers n
                   where n.connection_id = $1 and n.number_key = wanted.number_key) as given offset 0) as numbers
           cross join lateral (
               select exists (select from links l
                   where l.connection_id = $1 and l.item_type in ('work_order_contract', 'purchase_order_contract')
                       and lower(l.origin_code) = wanted.number_key and (l.item_type, l.item_id) <> ($3, $4)) as linked
               offset 0) as numbered
           where not numbers.given and not numbered.linked order by wanted.place limit 1"#,
        connection_id,
        &keys,
        item.item_type.as_str(),
        item.id
    )
    .fetch_optional(&mut *db)
    .await?;
    let chosen = free
        .and_then(|place| usize::try_from(place).ok())
        .and_then(|place| tried.into_iter().nth(place - 1));
    let Some(chosen) = chosen else {
        return Ok(Reserved::Exhausted);
    };
    sqlx::query!(
        "insert into purchase_order_numbers (connection_id, number_key, number, of_number, item_type, item_id)
         values ($1, $2, $3, $4, $5, $6)",
        connection_id,
        key(&chosen),
        chosen,
        number,
        item.item_type.as_str(),
        item.id
    )
    .execute(&mut *db)
    .await?;
    Ok(Reserved::Short(chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn love_17_letters_and_digits_alone_then_the_last_of_them_then_a_figure_behind() {
        let first = |number: &str| candidates(number).take(2).collect::<Vec<_>>();
        assert_eq!(first("SC-2024-0001A"), ["SC20240001A", "20240001A~2"]);
        assert_eq!(first("SUBCONTRACT-2024-0001B"), ["CT20240001B", "20240001B~2"]);
        assert_eq!(first("------------"), ["~2", "~3"], "never an empty one");
    }

    proptest::proptest! {
        #[test]
        fn love_17_every_candidate_fits_and_no_two_are_alike(number in "\\PC{12,60}") {
            let all: Vec<String> = candidates(&number).collect();
            let mut keys: Vec<String> = all.iter().map(|number| key(number)).collect();
            keys.sort_unstable();
            keys.dedup();
            proptest::prop_assert_eq!(keys.len(), all.len());
            for number in all {
                proptest::prop_assert!(number.chars().count() <= REF_NUMBER_MAX, "{}", number);
            }
        }
    }
}
