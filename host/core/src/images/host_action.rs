//! The actions that the host itself leads, by the names that journals, locks and messages have for them.

/// An action of the host. All others are a class's own, by its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostAction {
    Create,
    Clone,
    SetKernel,
    /// The files of its kernel are others now.
    RenewKernel,
    /// The image once more, as its next version.
    Rebuild,
    /// The saving of attributes that a user of the library changed.
    Register,
    /// `verify --record`.
    RecordDigests,
    /// Shows the OS tree to something of the host, such as the making of an initramfs.
    OsTree,
    Remove,
    Clear,
    /// The class's part of a cleaning.
    Clean,
    /// The class's turn after an action on a created image was undone or finished by the record.
    Recover,
    /// A version becomes the one that nodes get.
    Release,
    /// An older one does.
    Rollback,
    /// Versions that nobody needs go.
    Prune,
    /// One version goes.
    RemoveVersion,
    /// A version comes from elsewhere.
    Pull,
}

impl HostAction {
    const ALL: [Self; 17] = [
        Self::Create,
        Self::Clone,
        Self::SetKernel,
        Self::RenewKernel,
        Self::Rebuild,
        Self::Register,
        Self::RecordDigests,
        Self::OsTree,
        Self::Remove,
        Self::Clear,
        Self::Clean,
        Self::Recover,
        Self::Release,
        Self::Rollback,
        Self::Prune,
        Self::RemoveVersion,
        Self::Pull,
    ];

    /// Its name; what is on record under it is read by later versions, too.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Clone => "clone",
            Self::SetKernel => "set kernel",
            Self::RenewKernel => "renew kernel",
            Self::Rebuild => "rebuild",
            Self::Register => "register",
            Self::RecordDigests => "record the digests of",
            Self::OsTree => "os_tree",
            Self::Remove => "remove",
            Self::Clear => "clear",
            Self::Clean => "clean",
            Self::Recover => "recover",
            Self::Release => "release a version of",
            Self::Rollback => "roll back",
            Self::Prune => "prune the versions of",
            Self::RemoveVersion => "remove a version of",
            Self::Pull => "pull a version of",
        }
    }

    /// What a listing says that a version was made by.
    pub(super) fn word(self) -> &'static str {
        self.name().split(' ').next().unwrap_or_default()
    }

    /// The one with this name; nothing for an action of a class.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_known_by_their_names_and_those_of_classes_are_not() {
        for action in HostAction::ALL {
            assert_eq!(HostAction::named(action.name()), Some(action));
        }
        assert_eq!(HostAction::named("nodes add"), None);
        assert_eq!(HostAction::named(""), None);
    }
}
