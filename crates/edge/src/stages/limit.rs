//! How fast: rates and numbers of requests at once. A request that is refused here is not shown to the rules; it is refused because
//! there is too much to do.

use portcullis_policy::rates::{Counted, Exceeded, Outcome, Subject};

use crate::{answer::Refusal, context::Context, snapshot::Snapshot};

/// Counts the request. What it holds it gives back when the context is dropped.
pub(crate) async fn request(snapshot: &Snapshot, ctx: &mut Context) -> Result<(), Refusal> {
    let arrival = ctx.arrival.as_ref().ok_or(Refusal::Internal)?;
    let head = ctx.head.as_ref().ok_or(Refusal::Internal)?;
    let subject = Subject {
        address: arrival.connection.client.ip(),
        customer: ctx.identity.as_ref().map(|identity| identity.id.as_str()),
        own_rate: ctx.identity.as_ref().and_then(|identity| identity.contract()?.rate.as_deref()),
        route: &ctx.route().ok_or(Refusal::Internal)?.id,
        header: &|name| head.field(name),
    };
    let outcome = snapshot.limits.take(&subject).await.map_err(|_| Refusal::LimitStoreAway)?;
    let refusal = refusal(snapshot, &outcome);
    ctx.limits = outcome;
    refusal.map_or(Ok(()), Err)
}

fn refusal(snapshot: &Snapshot, outcome: &Outcome) -> Option<Refusal> {
    let (limit, exceeded) = outcome.refused?;
    let exceeding = Box::new(snapshot.limits.exceeding(limit, exceeded, &outcome.standings));
    Some(match (limit, exceeded) {
        (Counted::Own, _) => Refusal::CustomerRateLimited(exceeding),
        (Counted::Limit(_), Exceeded::Rate(_)) => Refusal::RateLimited(exceeding),
        (Counted::Limit(_), Exceeded::Concurrency) => Refusal::TooManyAtOnce(exceeding),
    })
}
