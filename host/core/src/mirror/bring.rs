//! A run: reads the registry, fetches, moves all images at once, and drops what no tag names any more.

use super::{
    Brought, MirrorManager, MirrorState, Sources, Upstream,
    served::{self, BootFiles},
    wanted::Wanted,
};
use crate::{
    failure,
    system::{atomic_file, failpoint::failpoint, interrupt},
    versions::Store,
};
use disklessset_oci::{
    layout::{Entry, Index, Layout as Oci},
    manifest::ARTIFACT_TYPE,
    names::Digest,
};
use disklessset_plugin_api::{Error, ErrorKind, Level, Result};
use disklessset_system::{bytes::Bytes, free_space::FreeSpace};
use std::collections::{BTreeMap, BTreeSet};

/// How often the registry is read until it is the same twice.
const ROUNDS: usize = 5;
/// How long a manifest that no tag names any more stays: a node may be fetching it.
const HOUR: i64 = 3600;
/// What is left free beyond what is fetched: manifests, the index, boot files.
const MARGIN: u64 = 8 << 20;

impl MirrorManager<'_> {
    /// What a run would do, a line each.
    ///
    /// # Errors
    /// What would stop it, as far as that can be told without doing it.
    pub fn plan(&self, sources: Sources<'_>) -> Result<Vec<String>> {
        self.must_be_free_for(sources)?;
        let wanted = Wanted::of(sources, self.site)?;
        let missing = match self.site.layout.has_oci() {
            true => missing(&wanted, &Store::of(&self.site.layout).layout_of_blobs()?)?,
            false => wanted.blobs().into_values().map(|(_, blob)| blob.size).sum(),
        };
        self.must_have_room(missing)?;
        let changed = changed(&served::now(self.site)?, &served::wanted(&wanted, self.site)?);
        let fetch = format!("fetch {missing} bytes");
        Ok([fetch]
            .into_iter()
            .chain(changed.into_iter().map(|name| format!("change image {name}")))
            .chain(self.plan_of_pools(wanted.pools.as_ref())?)
            .collect())
    }

    /// Brings the state of the repositories.
    ///
    /// # Errors
    /// When a repository cannot be asked, has something that cannot be served from here, or the disk is full. Nodes get what they got.
    pub fn bring(&self, sources: Sources<'_>) -> Result<Brought> {
        let upstreams = sources.images;
        let images = upstreams.iter().map(|upstream| upstream.address());
        let addresses: Vec<&str> = images.chain(sources.pools.map(|pools| pools.address())).collect();
        self.site.observed("mirror", &addresses.join(" "), || {
            self.must_be_free_for(sources)?;
            // What cannot be mirrored is refused before anything is made.
            let _ = Wanted::of(sources, self.site)?;
            self.site.prepare()?;
            let _lock = self.lock()?;
            self.must_be_free_for(sources)?;
            let (wanted, fetched) = self.fetched(sources)?;
            self.serve(&wanted, fetched, addresses_of(upstreams))
        })
    }

    /// Ends it: its images and versions go, and the server is one like any other.
    ///
    /// # Errors
    /// When the server is no mirror; what the system refuses. The next try goes on then.
    pub fn end(&self) -> Result<()> {
        let _lock = self.lock()?;
        let Some(mut state) = self.state()? else {
            return Err(Error::refused("this server is no mirror"));
        };
        served::must_be_ours(self.site)?;
        let nothing = Wanted { images: BTreeMap::new(), pools: None };
        // Nodes before what they would be led to.
        let _ = self.bring_pools(None, &mut state)?;
        served::build(&BootFiles::new(), self.site)?;
        served::exchange(self.site)?;
        served::remove_aside(self.site)?;
        state.images.clear();
        self.name_all(&nothing, &BTreeMap::new())?;
        atomic_file::remove_file(&MirrorState::path(&self.site.layout)).map_err(failure::of)
    }

    /// The state of the repositories, all of which is on disk, and how many bytes of it came now. It was the same before and after the
    /// fetching: so there was a moment at which all tags named what they name in it.
    fn fetched(&self, sources: Sources<'_>) -> Result<(Wanted, u64)> {
        let upstreams = sources.images;
        let mut wanted = Wanted::of(sources, self.site)?;
        let mut fetched = 0;
        for _ in 0..ROUNDS {
            self.become_mirror(upstreams)?;
            let came = self.fetch(&wanted, upstreams);
            let again = match &came {
                // A tag may have moved, and what it named be gone.
                Err(error) if error.kind != ErrorKind::NOT_FOUND => return Err(error.clone()),
                _ => Wanted::of(sources, self.site)?,
            };
            match came {
                Ok(bytes) => fetched += bytes,
                Err(error) if again == wanted => return Err(error),
                Err(_) => {}
            }
            if again == wanted {
                return Ok((wanted, fetched));
            }
            self.site.observer.line(Level::Info, "the registry has changed meanwhile: once more");
            wanted = again;
        }
        Err(Error::new(
            ErrorKind::BUSY,
            "the registry changes faster than it can be fetched: nodes get what they got",
        )
        .hint("`disklessset mirror` tries again"))
    }

    /// Puts on record that this is a mirror, before anything of it is there.
    fn become_mirror(&self, upstreams: &[&dyn Upstream]) -> Result<()> {
        // Of other repositories than before nothing is on record until all of them is here: the timer asks for those on record.
        if self.state()?.is_some() {
            return Ok(());
        }
        let state = MirrorState::of(addresses_of(upstreams));
        state.save(&self.site.layout)?;
        failpoint!("mirror: on record", self.site.layout.state_dir());
        Ok(())
    }

    fn fetch(&self, wanted: &Wanted, upstreams: &[&dyn Upstream]) -> Result<u64> {
        let oci = Store::of(&self.site.layout).layout_of_blobs()?;
        let total = missing(wanted, &oci)?;
        self.must_have_room(total)?;
        let mut before = 0;
        for (upstream, blob) in wanted.blobs().into_values() {
            interrupt::check().map_err(failure::interrupted)?;
            if oci.has(&blob.digest).map_err(of_layout)? {
                continue;
            }
            let Some(from) = upstreams.get(upstream) else { continue };
            let label = format!("fetching {}", from.address());
            from.bring(&blob, &oci, &mut |done| {
                self.site.observer.progress(&label, before + done, total);
            })?;
            before += blob.size;
            failpoint!("mirror: a blob fetched", blob.digest);
        }
        for version in wanted.images.values().flat_map(|image| image.versions.values()) {
            oci.put_bytes(&version.manifest).map_err(of_layout)?;
        }
        Ok(before)
    }

    fn must_have_room(&self, bytes: u64) -> Result<()> {
        let place = self.site.layout.oci_dir();
        let space = FreeSpace::at(&place).map_err(failure::of)?;
        let needed = bytes.saturating_add(MARGIN);
        if bytes == 0 || space.free >= needed {
            return Ok(());
        }
        Err(Error::refused(format!("{} are needed at {place}, which has {space} free", Bytes(needed)))
            .hint("make room, or set oci_directory to a place that has it"))
    }

    /// Moves nodes to a state that is on disk.
    fn serve(&self, wanted: &Wanted, fetched: u64, repositories: Vec<String>) -> Result<Brought> {
        let layout = &self.site.layout;
        let mut state = self.state()?.unwrap_or_else(|| MirrorState::of(Vec::new()));
        let (before, next) = (served::now(self.site)?, served::wanted(wanted, self.site)?);
        // Both states are named before the change, what is dropped one hour longer.
        let dropped = self.dropped(wanted, &state)?;
        self.name_all(wanted, &dropped)?;
        state.dropped = dropped.iter().map(|(digest, since)| (digest.to_string(), *since)).collect();
        state.images = wanted.on_record();
        state.repositories = repositories;
        if before != next {
            served::build(&next, self.site)?;
            state.save(layout)?;
            failpoint!("mirror: all is ready", layout.images_dir());
            served::exchange(self.site)?;
        }
        let pools = self.bring_pools(wanted.pools.as_ref(), &mut state)?;
        state.as_of = Some(jiff::Timestamp::now());
        state.save(layout)?;
        served::remove_aside(self.site)?;
        Ok(Brought {
            changed: changed(&before, &next),
            images: wanted.images.len(),
            versions: wanted.count(),
            fetched,
            pools,
        })
    }

    /// The manifests that no tag names and that stay a while, with the time from which their hour counts. What nodes get until now counts
    /// from now.
    fn dropped(&self, wanted: &Wanted, state: &MirrorState) -> Result<BTreeMap<Digest, jiff::Timestamp>> {
        let (now, live) = (jiff::Timestamp::now(), wanted.manifests());
        let got = served::manifests_now(self.site)?;
        let oci = Store::of(&self.site.layout).layout_of_blobs()?;
        let there: BTreeSet<Digest> =
            oci.index().map_err(of_layout)?.entries().iter().map(|entry| entry.digest).collect();
        let since = |digest: &Digest| match state.dropped.get(&digest.to_string()) {
            Some(since) if !got.contains(digest) => *since,
            _ => now,
        };
        let young = |since: &jiff::Timestamp| now.as_second() - since.as_second() < HOUR;
        let all = there.into_iter().filter(|digest| !live.contains(digest));
        Ok(all.map(|digest| (digest, since(&digest))).filter(|(_, since)| young(since)).collect())
    }

    /// Writes the index: what tags name, and what stays a while. Blobs of nothing that is in it go.
    fn name_all(&self, wanted: &Wanted, dropped: &BTreeMap<Digest, jiff::Timestamp>) -> Result<()> {
        Store::of(&self.site.layout).with_index(|oci, index| {
            for digest in wanted.manifests() {
                if !oci.has(&digest).map_err(of_layout)? {
                    return Err(Error::failed(format!(
                        "the manifest {digest} is gone: somebody else works on the versions of this server"
                    )));
                }
            }
            *index = next_index(index, wanted.entries()?, dropped);
            Ok(())
        })
    }
}

/// The index of the next state. What stays a while keeps its name, unless a tag gave that to something else.
fn next_index(before: &Index, live: Vec<Entry>, dropped: &BTreeMap<Digest, jiff::Timestamp>) -> Index {
    let old: Vec<Entry> = before.entries().to_vec();
    let mut index = before.clone();
    index.retain(|_| false);
    let names: BTreeSet<Option<String>> = live.iter().map(|entry| entry.ref_name.clone()).collect();
    live.into_iter().for_each(|entry| index.insert(entry));
    for entry in old.into_iter().filter(|entry| dropped.contains_key(&entry.digest)) {
        if !names.contains(&entry.ref_name) {
            index.insert(entry);
            continue;
        }
        let name = format!("dropped-{}", entry.digest.hex());
        index.insert(Entry::manifest(entry.digest, entry.size, Some(ARTIFACT_TYPE), &name));
    }
    index
}

fn addresses_of(upstreams: &[&dyn Upstream]) -> Vec<String> {
    upstreams.iter().map(|upstream| upstream.address().to_owned()).collect()
}

fn missing(wanted: &Wanted, oci: &Oci) -> Result<u64> {
    let mut bytes: u64 = 0;
    for (digest, (_, blob)) in wanted.blobs() {
        if !oci.has(&digest).map_err(of_layout)? {
            bytes = bytes.saturating_add(blob.size);
        }
    }
    Ok(bytes)
}

fn changed(before: &BootFiles, next: &BootFiles) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(next.keys()).collect();
    names.into_iter().filter(|name| before.get(*name) != next.get(*name)).cloned().collect()
}

fn of_layout(error: disklessset_oci::layout::LayoutError) -> Error {
    crate::versions::of_layout(error)
}
