//! One class: an image's life, from its creation to its removal, each act looked at.

use std::collections::BTreeMap;

use disklessset_plugin_api::{ActionSpec, ParamKind, Role, Trial};

use super::act::{self, ActError, FaultKind, Seen, Step};
use super::examiner::{ActOutcome, Examiner, RunOptions};
use super::root_snapshot::RootSnapshot;
use super::small_tree;
use super::stopping;
use super::values;
use super::{Value, kills::Kills};
use disklessset_core::modules::check::Outcome;

/// The image that stays as it was made while others are worked on.
const FIRST: &str = "check-a";
/// The one that is worked on.
pub(super) const SECOND: &str = "check-b";
/// One that is never there.
const NOBODY: &str = "check-nobody";

/// A class with a creation of its own.
pub(super) struct Class<'e> {
    pub(super) examiner: &'e Examiner<'e>,
    pub(super) name: String,
    pub(super) creation: ActionSpec,
    pub(super) actions: Vec<ActionSpec>,
}

impl Class<'_> {
    /// What keeps it from being exercised with these images of other classes at hand.
    pub(super) fn lacks(&self, stock: &BTreeMap<String, String>) -> Option<String> {
        self.values_of(&self.creation, stock).err()
    }

    /// Whether it makes its images from those of another class.
    pub(super) fn wants(&self, other: &str) -> bool {
        let names_it = |kind: &ParamKind| matches!(kind, ParamKind::Image { class } if class == other);
        self.creation.params.iter().any(|param| names_it(&param.kind))
    }

    pub(super) fn values_of(
        &self,
        action: &ActionSpec,
        stock: &BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, Value>, String> {
        let image = |class: &str| match class {
            "" => stock.values().next().cloned(),
            class => stock.get(class).cloned(),
        };
        let mut given = self.examiner.given.clone();
        given.extend(small_tree::values(action, &given, &self.examiner.small_tree()));
        values::of(action, &given, &image)
    }

    /// Exercises the class. Gives back the name of an image that stays, where others want one.
    pub(super) fn exercise(&self, stock: &BTreeMap<String, String>, wanted: bool) -> Option<String> {
        self.examiner.failed.set(false);
        let values = self.values_of(&self.creation, stock).unwrap_or_default();
        self.examiner.forget();
        let before = self.examiner.save();
        self.clean_nothing(&before);
        self.nonsense();
        let made = self.create_first(&values, &before);
        let Ok(first) = made else {
            // Whatever the reason: nobody has tried it, and that is no pass.
            match made.err().flatten() {
                _ if self.examiner.failed.get() => {
                    self.not_exercised("everything after it: no image could be made");
                }
                Some(FaultKind::Refused) => self.say(
                    "contract",
                    Outcome::Bad,
                    "no image of it could be made here, and nothing of it was tried: change what it is \
                     refused for, or give other values, --set NAME=VALUE",
                ),
                Some(FaultKind::Failed) if self.examiner.is_unprivileged() => {
                    self.say("contract", Outcome::Bad, "no image of it could be made: run the check as root")
                }
                _ => self.say(
                    "contract",
                    Outcome::Bad,
                    "no image of it could be made: give values that can be used here, --set NAME=VALUE",
                ),
            }
            return None;
        };
        self.reload("reload", FIRST, Some(&first));
        let with_first = self.examiner.save();
        if self.clone_and_change(stock, &with_first) {
            self.remove("remove of a clone", SECOND, &with_first);
        }
        self.remove("remove", FIRST, &before);
        match self.examiner.failed.get() {
            true => self.say("kill and clean", Outcome::NotExercised, "mend what failed first"),
            false => Kills { class: self, stock, values: &values, before: &before }.all(),
        }
        self.stop_when_asked(&values, &before);
        let kept = format!("check-{}", self.name.to_lowercase());
        let outcome =
            wanted.then(|| self.examiner.act(self.creation_of(&kept, &values), RunOptions::PLAIN))?;
        outcome.failure().is_none().then_some(kept)
    }

    pub(super) fn say(&self, what: &str, outcome: Outcome, text: impl Into<String>) {
        self.examiner.say(&format!("{what} of {}", self.name), outcome, text);
    }

    fn not_exercised(&self, why: &str) {
        self.say("contract", Outcome::NotExercised, why);
    }

    pub(super) fn creation_of(&self, name: &str, values: &BTreeMap<String, Value>) -> Step {
        let file = values::parameters_file(&self.name, name, values).unwrap_or_default();
        Step::Create { file, words: self.creation.words.clone() }
    }

    /// Says what an act left behind and how it failed; whether there was nothing to say.
    fn judged(&self, what: &str, outcome: &ActOutcome, before: &RootSnapshot, image: &str) -> bool {
        let mut traces = outcome.traces();
        traces.extend(self.examiner.unrecorded_mounts(before, image));
        for trace in &traces {
            self.say(what, Outcome::Bad, trace.clone());
        }
        match outcome.failure() {
            None => traces.is_empty(),
            Some(fault) => {
                let (outcome, text) = self.verdict(outcome, fault);
                self.say(what, outcome, text);
                false
            }
        }
    }

    fn verdict(&self, outcome: &ActOutcome, fault: ActError) -> (Outcome, String) {
        match fault.kind {
            _ if outcome.ended.is_some() => (Outcome::Bad, fault.text),
            FaultKind::Refused => (Outcome::NotExercised, format!("it was refused: {}", fault.text)),
            // Values of the user's may be wrong ones; a class's own samples and defaults may not.
            FaultKind::Usage if !self.examiner.given.is_empty() => {
                (Outcome::NotExercised, format!("it was refused: {}", fault.text))
            }
            FaultKind::Failed if self.examiner.is_unprivileged() => {
                (Outcome::NotExercised, format!("it failed, perhaps for want of root: {}", fault.text))
            }
            FaultKind::Panicked => (Outcome::Bad, format!("panics: {}", fault.text)),
            FaultKind::Failed | FaultKind::Usage | FaultKind::Interrupted => (Outcome::Bad, fault.text),
        }
    }

    /// The first image of the class, or what kind of fault there was.
    fn create_first(
        &self,
        values: &BTreeMap<String, Value>,
        before: &RootSnapshot,
    ) -> Result<Seen, Option<FaultKind>> {
        let what = self.creation_of(FIRST, values);
        let Step::Create { file, .. } = &what else { return Err(None) };
        match act::round_trip(file, values) {
            Ok(()) => {
                let names: Vec<&str> = values.keys().map(String::as_str).collect();
                let given = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let tree = self.examiner.small_tree();
                let small = Value::Text(format!("tree:{tree}"));
                let small = match values.values().any(|value| *value == small) {
                    true => "; the source is a small tree of the check's own (another: --set source=SOURCE)",
                    false => "",
                };
                let text = format!("given through a parameters file: {given}{small}");
                self.say("parameters", Outcome::Good, text);
            }
            Err(cause) => self.say("parameters", Outcome::Bad, cause),
        }
        let outcome = self.examiner.act(what, RunOptions::PLAIN);
        if self.judged("create", &outcome, before, FIRST) {
            self.say("create", Outcome::Good, format!("done in {} ms", outcome.answer.milliseconds));
        }
        if let Some(fault) = outcome.failure() {
            self.left_after("create", "after its failure", before);
            return Err(Some(fault.kind));
        }
        outcome.answer.seen.ok_or(None)
    }

    /// Cleans, and says what is left all the same; the world is then as before.
    fn left_after(&self, what: &str, when: &str, before: &RootSnapshot) {
        let cleaned = self.examiner.act(Step::Clean, RunOptions::PLAIN);
        if let Some(fault) = cleaned.failure() {
            self.say(what, Outcome::Bad, format!("{when} it cannot be cleaned: {}", fault.text));
        }
        self.must_be(what, when, before);
    }

    /// Says what differs, if anything does, and puts the world back then.
    pub(super) fn must_be(&self, what: &str, when: &str, wanted: &RootSnapshot) -> bool {
        match wanted.difference(&self.examiner.world()) {
            None => true,
            Some(difference) => {
                self.say(what, Outcome::Bad, format!("{when}: {difference}"));
                self.examiner.restore(wanted);
                false
            }
        }
    }

    /// How an image is in the eyes of a process that has just come; whether it is as it should be.
    fn reload(&self, what: &str, name: &str, made: Option<&Seen>) -> bool {
        let before = self.examiner.world();
        let outcome = self.examiner.act(Step::Look { name: name.to_owned() }, RunOptions::PLAIN);
        if !self.judged(what, &outcome, &before, name)
            || !self.must_be(what, "looking at it changes something", &before)
        {
            return false;
        }
        let problem = match (&outcome.answer.seen, made) {
            (None, _) => Some("the image is not listed".to_owned()),
            (Some(seen), _) if seen.problem.is_some() => seen.problem.clone(),
            (Some(seen), _) if seen.status != "CREATED" => Some(format!("the image is {}", seen.status)),
            (Some(seen), Some(made)) if seen != made => Some(differing(made, seen)),
            _ => None,
        };
        match problem {
            None => self.say(
                what,
                Outcome::Good,
                "the record is read back, and the boot file is what the class says",
            ),
            Some(problem) => {
                self.say(what, Outcome::Bad, problem);
                return false;
            }
        }
        true
    }

    /// Clones the first image and changes the clone; whether there is one.
    fn clone_and_change(&self, stock: &BTreeMap<String, String>, with_first: &RootSnapshot) -> bool {
        let clone = Step::Clone { from: FIRST.to_owned(), name: SECOND.to_owned() };
        let outcome = self.examiner.act(clone, RunOptions::PLAIN);
        let good = self.judged("clone", &outcome, with_first, SECOND);
        if outcome.failure().is_some() {
            self.left_after("clone", "after its failure", with_first);
            return false;
        }
        if good {
            self.say("clone", Outcome::Good, format!("done in {} ms", outcome.answer.milliseconds));
            self.reload("reload of a clone", SECOND, None);
        }
        self.set_kernel();
        for action in self.actions.iter().filter(|action| action.role != Role::Create) {
            self.action(action, stock);
        }
        true
    }

    fn set_kernel(&self) {
        let before = self.examiner.world();
        let set = Step::SetKernel { name: SECOND.to_owned(), version: values::OTHER_KERNEL.to_owned() };
        let outcome = self.examiner.act(set, RunOptions::PLAIN);
        if !self.judged("set kernel", &outcome, &before, SECOND) {
            if outcome.failure().is_some() {
                self.left_after("set kernel", "after its failure", &before);
            }
            return;
        }
        match self.kernel_of_second() {
            Some(kernel) if kernel.contains(values::OTHER_KERNEL) => {
                self.say("set kernel", Outcome::Good, "kept in the record");
            }
            other => self.say("set kernel", Outcome::Bad, format!("the record says {other:?} afterwards")),
        }
    }

    /// The kernel that is on record for the second image.
    fn kernel_of_second(&self) -> Option<String> {
        let look = self.examiner.act(Step::Look { name: SECOND.to_owned() }, RunOptions::PLAIN);
        look.answer.seen?.attributes.get("kernel")?.as_str().map(str::to_owned)
    }

    /// Runs an action where nothing speaks against it.
    fn action(&self, action: &ActionSpec, stock: &BTreeMap<String, String>) {
        let subject = format!("action {}", action.words);
        if let Some(why) = unsafe_to_try(action) {
            return self.say(&subject, Outcome::NotExercised, why);
        }
        let given = match self.values_of(action, stock) {
            Ok(given) => given,
            Err(missing) => return self.say(&subject, Outcome::NotExercised, missing),
        };
        let before = self.examiner.world();
        let outcome = self.examiner.act(self.action_of(action, given), RunOptions::PLAIN);
        let good = self.judged(&subject, &outcome, &before, SECOND);
        let changes = action.role == Role::Change;
        if outcome.failure().is_some() {
            self.left_after(&subject, "after it did not succeed", &before);
        } else if changes {
            if good {
                self.say(&subject, Outcome::Good, format!("done in {} ms", outcome.answer.milliseconds));
                self.reload(&format!("reload after {}", action.words), SECOND, None);
            }
        } else if self.must_be(&subject, "it says that it only reads", &before) && good {
            self.say(&subject, Outcome::Good, "reads, and changes nothing");
        }
    }

    pub(super) fn action_of(&self, action: &ActionSpec, given: BTreeMap<String, Value>) -> Step {
        let (class, words) = (self.name.clone(), action.words.clone());
        match action.role {
            Role::Overview => Step::Overview { class, words, given },
            _ => Step::Action { class, words, name: SECOND.to_owned(), given },
        }
    }

    fn remove(&self, what: &str, name: &str, wanted: &RootSnapshot) {
        let before = self.examiner.world();
        let outcome = self.examiner.act(Step::Remove { name: name.to_owned() }, RunOptions::PLAIN);
        let good = self.judged(what, &outcome, &before, name);
        if outcome.failure().is_some() {
            return self.left_after(what, "after its failure", wanted);
        }
        if self.must_be(what, "afterwards it is not as it was before the image", wanted) && good {
            self.say(what, Outcome::Good, "nothing is left, and nothing else is touched");
        }
    }

    /// A cleaning with nothing to clean does nothing.
    fn clean_nothing(&self, before: &RootSnapshot) {
        let what = Step::CleanNothing { class: self.name.clone(), name: NOBODY.to_owned() };
        let outcome = self.examiner.act(what, RunOptions::PLAIN);
        let good = self.judged("clean of nothing", &outcome, before, NOBODY);
        if self.must_be("clean of nothing", "it is not left as it was", before) && good {
            self.say("clean of nothing", Outcome::Good, "does nothing");
        }
    }

    /// Panics and wrong requests come back as errors.
    fn nonsense(&self) {
        let before = self.examiner.world();
        let outcome = self.examiner.act(Step::Nonsense { class: self.name.clone() }, RunOptions::PLAIN);
        if self.judged("wrong requests", &outcome, &before, NOBODY) {
            self.say("wrong requests", Outcome::Good, "are answered with errors");
        }
    }

    /// Asked to stop before the class begins: the creation ends soon, and nothing of it is left.
    fn stop_when_asked(&self, values: &BTreeMap<String, Value>, before: &RootSnapshot) {
        let outcome = self.examiner.act(self.creation_of(SECOND, values), stopping::ASKED);
        let (judged, text) = stopping::verdict(&outcome, "the image");
        self.say(stopping::SUBJECT, judged, text);
        self.left_after(stopping::SUBJECT, "what was stopped is not undone", before);
    }
}

/// Why an action is better not tried.
pub(super) fn unsafe_to_try(action: &ActionSpec) -> Option<&str> {
    match (&action.trial, action.role) {
        _ if action.terminal => Some("it needs somebody at a terminal"),
        (Trial::Never { why }, _) => Some(why),
        (_, Role::Change | Role::Read | Role::Overview) => {
            let asks = action.confirm.is_some() && action.trial != Trial::Always;
            asks.then_some("it asks for a confirmation first")
        }
        _ => Some("its role is unknown here"),
    }
}

/// The first attribute that is not what it was.
fn differing(made: &Seen, seen: &Seen) -> String {
    let names = made.attributes.keys().chain(seen.attributes.keys());
    let differs = |name: &&String| made.attributes.get(*name) != seen.attributes.get(*name);
    match names.into_iter().find(differs) {
        Some(name) => format!("attribute {name} is not read back as it was set"),
        None => "it is not read back as it was made".to_owned(),
    }
}
