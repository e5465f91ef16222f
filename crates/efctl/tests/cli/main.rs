//! The binary as a person or a script meets it, against canned answers.

mod api;
mod codes;
mod forms;
mod hostile;
mod load;
mod pipes;
mod sending;
mod tool;
