//! The person at the terminal, connected to the console of a machine that was proven.

use crate::{
    output::{Output, Typed},
    prove::{FromConsole, VisitedConsole},
    system::interrupt,
};
use std::io::{self, Write};
use std::time::Duration;

/// CTRL+], as in telnet and virsh.
const LEAVE: u8 = 0x1d;
/// How often both sides are listened to.
const TICK: Duration = Duration::from_millis(20);
/// Colours off, the cursor shown: what runs on the console may have left it otherwise.
const AS_USUAL: &[u8] = b"\x1b[0m\x1b[?25h\r\n";

/// How a visit ended.
enum Ended {
    Left,
    MachineGone,
    /// A signal asks for a stop, or the terminal is gone.
    Stopped,
}

/// Connects the terminal to the console until CTRL+] is pressed or the machine is gone.
pub(super) fn visit(output: &Output, console: &mut VisitedConsole<'_>) -> io::Result<()> {
    let node = console.node();
    output.say(&format!(
        "connected to the console of {node}: CTRL+] leaves it, and ends the machine with all that was changed in it"
    ));
    let ended = connect(output, console)?;
    match ended {
        Ended::Left => output.say("left the console"),
        Ended::MachineGone => output.say("the machine has switched itself off"),
        Ended::Stopped => {}
    }
    Ok(())
}

fn connect(output: &Output, console: &mut VisitedConsole<'_>) -> io::Result<Ended> {
    let keys = output.input().keys()?;
    show(format!("{} ", console.login_line()).as_bytes())?;
    let ended = loop {
        if interrupt::check().is_err() {
            break Ended::Stopped;
        }
        match keys.typed(TICK)? {
            Typed::Keys(typed) => {
                let leaves = typed.iter().position(|key| *key == LEAVE);
                console.type_in(&typed[..leaves.unwrap_or(typed.len())]);
                if leaves.is_some() {
                    break Ended::Left;
                }
            }
            Typed::Nothing => {}
            Typed::End => break Ended::Stopped,
        }
        if show_all(console)? {
            break Ended::MachineGone;
        }
    };
    show(AS_USUAL)?;
    Ok(ended)
}

/// Shows what the console has said; tells whether the machine is gone.
fn show_all(console: &mut VisitedConsole<'_>) -> io::Result<bool> {
    loop {
        match console.hear(Duration::ZERO)? {
            FromConsole::Bytes(bytes) => show(&bytes)?,
            FromConsole::Nothing => return Ok(false),
            FromConsole::Gone => return Ok(true),
        }
    }
}

/// As it is: it is a terminal's other end that speaks. Standard output is for the report.
fn show(bytes: &[u8]) -> io::Result<()> {
    let mut terminal = io::stderr().lock();
    terminal.write_all(bytes).and_then(|()| terminal.flush())
}
