//! How a command that ran for the user ended: the program ends with the same exit code.

use serde_json::{Value, json};

/// What an action with a trailing command answers: nothing for 0, else the code, which the host ends with. A command that a
/// signal ended has 128 and the signal's number, as in a shell.
pub fn answer(code: i32) -> Value {
    match code {
        0 => Value::Null,
        code => json!({ "exit_code": code }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_told_unless_it_is_zero() {
        assert_eq!(answer(0), Value::Null);
        assert_eq!(answer(7)["exit_code"], 7);
    }
}
