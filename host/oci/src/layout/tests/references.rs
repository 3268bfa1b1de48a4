//! What goes with manifests, found by records of what others name.

use super::*;

/// What goes with a manifest that is out of the index already.
fn alone(place: &Place, gone: &Entry) -> Result<Vec<Digest>, LayoutError> {
    place.layout.blobs_of_these_alone(&[gone.digest], &place.layout.index().unwrap())
}

fn removed(place: &Place, name: &str) -> Entry {
    let mut index = place.layout.index().unwrap();
    let gone = index.find(name).unwrap().clone();
    index.retain(|entry| entry.ref_name.as_deref() != Some(name));
    place.layout.replace_index(&index).unwrap();
    gone
}

/// Two manifests with a blob in common and one of their own each, and a blob of nobody.
fn two() -> (Place, [Digest; 3]) {
    let place = Place::new();
    let [shared, one, two] =
        [b"shared", b"one---", b"two---"].map(|text| place.layout.put_bytes(text).unwrap().digest);
    let _ = place.layout.put_bytes(b"nobody").unwrap();
    place.name(place.manifest("web@1", &[(shared, 6), (one, 6)]));
    place.name(place.manifest("web@2", &[(shared, 6), (two, 6)]));
    (place, [shared, one, two])
}

#[test]
fn what_another_manifest_names_stays_and_the_manifest_goes_last() {
    let (place, [_, one, _]) = two();
    let gone = removed(&place, "web@1");
    assert_eq!(alone(&place, &gone).unwrap(), [one, gone.digest]);
    // Of the manifest that is left nothing is read any more: it is on record.
    std::fs::remove_file(place.layout.blob_path(&place.layout.index().unwrap().entries()[0].digest)).unwrap();
    assert_eq!(alone(&place, &gone).unwrap(), [one, gone.digest]);
    // Nothing that is in the index under another name goes.
    let mut named = gone.clone();
    named.ref_name = Some("db@1".to_owned());
    place.name(Entry::manifest(gone.digest, gone.size, None, "db@1"));
    assert_eq!(alone(&place, &named).unwrap(), []);
}

#[test]
fn records_that_are_damaged_are_made_again_and_lead_to_no_other_blob() {
    let (place, [_, one, _]) = two();
    let gone = removed(&place, "web@1");
    let file = place.path("stamps/references");
    let expected = alone(&place, &gone).unwrap();
    let whole = content(&file);
    assert_eq!(expected, [one, gone.digest]);
    for at in (0..whole.len()).step_by(3) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        overwrite(&file, &damaged);
        assert_eq!(alone(&place, &gone).unwrap(), expected, "byte {at}");
        overwrite(&file, &whole[..at]);
        assert_eq!(alone(&place, &gone).unwrap(), expected, "cut at {at}");
    }
    // Nothing is on record, and a manifest cannot be read: it is not known what is needed.
    std::fs::remove_file(&file).unwrap();
    std::fs::remove_file(place.layout.blob_path(&place.layout.index().unwrap().entries()[0].digest)).unwrap();
    assert!(matches!(alone(&place, &gone), Err(LayoutError::Missing(_))));
}

#[test]
fn records_of_manifests_that_are_gone_do_not_stay_for_ever() {
    let (place, _) = two();
    let mut most = 0;
    for number in 0..30 {
        let name = format!("n@{number}");
        place.name(place.manifest(&name, &[(Digest::of(name.as_bytes()), 1)]));
        let gone = removed(&place, &name);
        assert_eq!(alone(&place, &gone).unwrap().len(), 2);
        most = most.max(place.path("stamps/references").metadata().unwrap().len());
    }
    let last = place.path("stamps/references").metadata().unwrap().len();
    assert!(last < most / 2, "{last} of {most} bytes");
}
