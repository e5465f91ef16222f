//! A binary of one's own: two handlers, and all of `eventflow`'s commands. Copy it and begin.
//!
//! ```text
//! cargo run --example orders -- dev
//! cargo run --bin efctl -- send --type order.created --data '{"order_id":"o-1","total":12.5}'
//! ```

use std::process::ExitCode;

use eventflow::{App, Context, Event, Handler, Outcome, async_trait, handler_fn};

#[derive(serde::Deserialize)]
struct Order {
    order_id: String,
    total: f64,
}

/// Charges an order. The payment service is fictitious, and fails now and then.
struct Charge;

#[async_trait]
impl Handler for Charge {
    async fn handle(&self, event: &Event, context: &Context) -> Outcome {
        charge(event, context).into()
    }
}

fn charge(event: &Event, context: &Context) -> Result<(), Outcome> {
    let order: Order = context.data(event)?;
    if order.total < 0.0 {
        return Err(Outcome::dead("an order's total is not negative"));
    }
    let is_busy = (event.key.uuid().as_u128() + u128::from(context.attempt)).is_multiple_of(3);
    if is_busy {
        return Err(Outcome::retry("the payment service is busy"));
    }
    tracing::info!(order_id = order.order_id, total = order.total, "charged");
    Ok(())
}

fn main() -> ExitCode {
    let ship = handler_fn(|event, _| async move {
        tracing::info!(key = %event.key, "shipped");
        Outcome::Done
    });
    App::new()
        .handle("order.created", Charge)
        .handle("order.paid", ship)
        .main()
}

#[cfg(test)]
mod tests {
    use super::*;
    use eventflow::testing;

    #[tokio::test]
    async fn a_negative_order_is_dead_and_another_is_charged_sooner_or_later() {
        let bad = testing::event("order.created", r#"{"order_id":"o-1","total":-1}"#);
        assert!(matches!(testing::run(&Charge, &bad).await, Outcome::Dead { .. }));
        let good = testing::event("order.created", r#"{"order_id":"o-2","total":12.5}"#);
        let first = testing::run(&Charge, &good).await;
        let second = testing::attempt(&Charge, &good, 2).await;
        assert!([first, second].contains(&Outcome::Done));
    }
}
