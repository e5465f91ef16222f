//! What the writer is asked to do, and what it does together.

use async_trait::async_trait;
use eventflow_core::{Admission, AdmitReply, Finished, Recorded};
use tokio::sync::oneshot;

use crate::error::Failure;
use crate::session::Session;
use crate::{admit, record};

/// Where an answer goes. Whoever asked may have left.
pub(crate) type Reply<A> = oneshot::Sender<Result<A, Failure>>;

/// Something that is done within a transaction of the writer. It may be done again after a rollback.
#[async_trait]
pub(crate) trait Operation: Send + Sync + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// Does it.
    async fn run(&self, session: &mut Session<'_>) -> Result<Self::Answer, Failure>;
}

/// One thing asked of the writer.
pub(crate) enum Command {
    Admit(Asked<Admission, AdmitReply>),
    Record(Asked<Vec<Finished>, Vec<Recorded>>),
    Other(Box<dyn Member>),
}

/// A question, the answer once there is one, and who waits for it.
pub(crate) struct Asked<Q, A> {
    question: Q,
    answer: Option<A>,
    reply: Reply<A>,
}

impl<Q, A> Asked<Q, A> {
    pub(crate) fn new(question: Q, reply: Reply<A>) -> Self {
        Self {
            question,
            answer: None,
            reply,
        }
    }

    fn answer(self) {
        if let Some(answer) = self.answer {
            // Nobody listens any more: what was done stays done, and is safe to ask for again.
            let _ = self.reply.send(Ok(answer));
        }
    }

    fn fail(self, failure: &Failure) {
        let _ = self.reply.send(Err(failure.clone()));
    }
}

impl Command {
    /// Any operation that is not merged with its like.
    pub(crate) fn other<O: Operation>(operation: O, reply: Reply<O::Answer>) -> Self {
        Self::Other(Box::new(Asked::new(operation, reply)))
    }
}

/// An operation whose type is forgotten.
#[async_trait]
pub(crate) trait Member: Send {
    async fn run(&mut self, session: &mut Session<'_>) -> Result<(), Failure>;
    fn answer(self: Box<Self>);
    fn fail(self: Box<Self>, failure: &Failure);
}

#[async_trait]
impl<O: Operation> Member for Asked<O, O::Answer> {
    async fn run(&mut self, session: &mut Session<'_>) -> Result<(), Failure> {
        self.answer = Some(self.question.run(session).await?);
        Ok(())
    }

    fn answer(self: Box<Self>) {
        Asked::answer(*self);
    }

    fn fail(self: Box<Self>, failure: &Failure) {
        Asked::fail(*self, failure);
    }
}

/// Members of one transaction.
#[derive(Default)]
pub(crate) struct Group {
    admissions: Vec<Asked<Admission, AdmitReply>>,
    records: Vec<Asked<Vec<Finished>, Vec<Recorded>>>,
    others: Vec<Box<dyn Member>>,
    rows: usize,
    bytes: usize,
}

impl Group {
    pub(crate) fn add(&mut self, command: Command) {
        match command {
            Command::Admit(asked) => {
                self.rows += asked.question.rows.len();
                self.bytes += asked.question.rows.iter().map(|row| row.event.weight()).sum::<usize>();
                self.admissions.push(asked);
            }
            Command::Record(asked) => {
                self.rows += asked.question.len();
                self.records.push(asked);
            }
            Command::Other(member) => {
                self.rows += 1;
                self.others.push(member);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.admissions.len() + self.records.len() + self.others.len()
    }

    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) async fn run(&mut self, session: &mut Session<'_>) -> Result<(), Failure> {
        if !self.admissions.is_empty() {
            let questions: Vec<&Admission> = self.admissions.iter().map(|asked| &asked.question).collect();
            let answers = admit::run(&questions, session).await?;
            keep(&mut self.admissions, answers);
        }
        if !self.records.is_empty() {
            let questions: Vec<&[Finished]> = self.records.iter().map(|asked| asked.question.as_slice()).collect();
            let answers = record::run(&questions, session).await?;
            keep(&mut self.records, answers);
        }
        for member in &mut self.others {
            member.run(session).await?;
        }
        Ok(())
    }

    pub(crate) fn answer(self) {
        self.admissions.into_iter().for_each(Asked::answer);
        self.records.into_iter().for_each(Asked::answer);
        self.others.into_iter().for_each(Member::answer);
    }

    pub(crate) fn fail(self, failure: &Failure) {
        self.admissions.into_iter().for_each(|asked| asked.fail(failure));
        self.records.into_iter().for_each(|asked| asked.fail(failure));
        self.others.into_iter().for_each(|member| member.fail(failure));
    }

    /// Its members, each a group of its own.
    pub(crate) fn apart(self) -> impl Iterator<Item = Self> {
        let admissions = self.admissions.into_iter().map(Command::Admit);
        let records = self.records.into_iter().map(Command::Record);
        let others = self.others.into_iter().map(Command::Other);
        admissions.chain(records).chain(others).map(|command| {
            let mut group = Self::default();
            group.add(command);
            group
        })
    }
}

fn keep<Q, A>(asked: &mut [Asked<Q, A>], answers: Vec<A>) {
    for (asked, answer) in asked.iter_mut().zip(answers) {
        asked.answer = Some(answer);
    }
}
